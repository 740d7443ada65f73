// A small QuickFIX acceptor with a price-time book: the C++ peer of the benchmark.
//
// It does what a first own venue on QuickFIX does: data dictionary validation, typed messages, a
// memory store, no log, a std::map of price levels, and one ExecutionReport for each event. Nothing
// is written to disk.
//
//   acceptor PORT DICTIONARY OWN_COMP_ID CLIENT_COMP_ID...
//
// Prints "ready" when it listens and ends when its standard input closes, so it never outlives the harness.

#include <quickfix/Application.h>
#include <quickfix/MessageCracker.h>
#include <quickfix/MessageStore.h>
#include <quickfix/Session.h>
#include <quickfix/SessionSettings.h>
#include <quickfix/ThreadedSocketAcceptor.h>
#include <quickfix/fix44/ExecutionReport.h>
#include <quickfix/fix44/NewOrderSingle.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <unistd.h>

namespace {

const double kTicksPerUnit = 10.0;         // BTC/USD moves in tenths of a dollar
const double kLotsPerUnit = 100000000.0;   // eight decimals of quantity
const int kMilliseconds = 3;

struct Order {
  FIX::SessionID session;
  std::string cl_ord_id;
  std::string order_id;
  std::string symbol;
  char side;
  std::int64_t price_ticks;
  std::int64_t qty_lots;
  std::int64_t cum_lots;
  double cum_value;

  std::int64_t leaves_lots() const { return qty_lots - cum_lots; }
};

typedef std::map<std::int64_t, std::deque<Order>, std::greater<std::int64_t>> Bids;
typedef std::map<std::int64_t, std::deque<Order>> Asks;

double to_price(std::int64_t ticks) { return ticks / kTicksPerUnit; }
double to_qty(std::int64_t lots) { return lots / kLotsPerUnit; }

class Venue : public FIX::Application, public FIX::MessageCracker {
 public:
  Venue() : next_order_(1), next_exec_(1) {}

  void onCreate(const FIX::SessionID&) {}
  void onLogon(const FIX::SessionID&) {}
  void onLogout(const FIX::SessionID&) {}
  void toAdmin(FIX::Message&, const FIX::SessionID&) {}
  void toApp(FIX::Message&, const FIX::SessionID&) throw(FIX::DoNotSend) {}
  void fromAdmin(const FIX::Message&, const FIX::SessionID&) throw(
      FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue, FIX::RejectLogon) {}
  void fromApp(const FIX::Message& message, const FIX::SessionID& session) throw(
      FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue,
      FIX::UnsupportedMessageType) {
    crack(message, session);
  }

  void onMessage(const FIX44::NewOrderSingle& message, const FIX::SessionID& session) {
    FIX::ClOrdID cl_ord_id;
    FIX::Symbol symbol;
    FIX::Side side;
    FIX::OrdType ord_type;
    FIX::OrderQty order_qty;
    FIX::Price price;
    message.get(cl_ord_id);
    message.get(symbol);
    message.get(side);
    message.get(ord_type);
    message.get(order_qty);
    message.get(price);

    Order order;
    order.session = session;
    order.cl_ord_id = cl_ord_id.getString();
    order.symbol = symbol.getString();
    order.side = side.getValue();
    order.price_ticks = std::llround(price.getValue() * kTicksPerUnit);
    order.qty_lots = std::llround(order_qty.getValue() * kLotsPerUnit);
    order.cum_lots = 0;
    order.cum_value = 0;

    FIX::TransactTime now(FIX::UtcTimeStamp(), kMilliseconds);
    const std::lock_guard<std::mutex> lock(book_);
    order.order_id = std::to_string(next_order_++);
    report(order, FIX::ExecType_NEW, FIX::OrdStatus_NEW, now, 0, 0);
    if (order.side == FIX::Side_BUY) {
      match(order, asks_, now);
      if (order.leaves_lots() > 0) bids_[order.price_ticks].push_back(order);
    } else {
      match(order, bids_, now);
      if (order.leaves_lots() > 0) asks_[order.price_ticks].push_back(order);
    }
  }

 private:
  // Takes from the best level of the other side on, oldest order first, while prices cross.
  template <typename Levels>
  void match(Order& taker, Levels& levels, const FIX::TransactTime& now) {
    while (taker.leaves_lots() > 0 && !levels.empty()) {
      typename Levels::iterator best = levels.begin();
      const bool crosses = taker.side == FIX::Side_BUY ? best->first <= taker.price_ticks
                                                       : best->first >= taker.price_ticks;
      if (!crosses) return;
      std::deque<Order>& queue = best->second;
      Order& maker = queue.front();
      const std::int64_t lots = std::min(taker.leaves_lots(), maker.leaves_lots());
      fill(maker, best->first, lots, now);
      fill(taker, best->first, lots, now);
      if (maker.leaves_lots() == 0) queue.pop_front();
      if (queue.empty()) levels.erase(best);
    }
  }

  void fill(Order& order, std::int64_t price_ticks, std::int64_t lots,
            const FIX::TransactTime& now) {
    order.cum_lots += lots;
    order.cum_value += to_price(price_ticks) * to_qty(lots);
    const char status =
        order.leaves_lots() == 0 ? FIX::OrdStatus_FILLED : FIX::OrdStatus_PARTIALLY_FILLED;
    report(order, FIX::ExecType_TRADE, status, now, price_ticks, lots);
  }

  void report(const Order& order, char exec_type, char ord_status, const FIX::TransactTime& now,
              std::int64_t last_ticks, std::int64_t last_lots) {
    const double avg_px = order.cum_lots == 0 ? 0 : order.cum_value / to_qty(order.cum_lots);
    FIX44::ExecutionReport out(
        FIX::OrderID(order.order_id), FIX::ExecID(std::to_string(next_exec_++)),
        FIX::ExecType(exec_type), FIX::OrdStatus(ord_status), FIX::Side(order.side),
        FIX::LeavesQty(to_qty(order.leaves_lots())), FIX::CumQty(to_qty(order.cum_lots)),
        FIX::AvgPx(avg_px));
    out.set(FIX::ClOrdID(order.cl_ord_id));
    out.set(FIX::Symbol(order.symbol));
    out.set(FIX::OrdType(FIX::OrdType_LIMIT));
    out.set(FIX::TimeInForce(FIX::TimeInForce_GOOD_TILL_CANCEL));
    out.set(FIX::OrderQty(to_qty(order.qty_lots)));
    out.set(FIX::Price(to_price(order.price_ticks)));
    out.set(now);
    if (last_lots > 0) {
      out.set(FIX::LastPx(to_price(last_ticks)));
      out.set(FIX::LastQty(to_qty(last_lots)));
    }
    FIX::Session::sendToTarget(out, order.session);
  }

  // One thread for each session: measured faster here than the single-threaded SocketAcceptor.
  std::mutex book_;
  Bids bids_;
  Asks asks_;
  std::uint64_t next_order_;
  std::uint64_t next_exec_;
};

std::string settings_text(int argc, char** argv) {
  std::ostringstream text;
  text << "[DEFAULT]\nConnectionType=acceptor\nBeginString=FIX.4.4\nSocketAcceptPort=" << argv[1]
       << "\nSocketReuseAddress=Y\nSocketNodelay=Y\nUseDataDictionary=Y\nDataDictionary=" << argv[2]
       << "\nStartTime=00:00:00\nEndTime=00:00:00\nHeartBtInt=60\nTimestampPrecision=3\n"
       << "SenderCompID=" << argv[3] << "\n";
  for (int i = 4; i < argc; ++i) text << "[SESSION]\nTargetCompID=" << argv[i] << "\n";
  return text.str();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "usage: acceptor PORT DICTIONARY OWN_COMP_ID CLIENT_COMP_ID...\n";
    return 2;
  }
  try {
    std::istringstream text(settings_text(argc, argv));
    FIX::SessionSettings settings(text);
    Venue venue;
    FIX::MemoryStoreFactory store;
    FIX::ThreadedSocketAcceptor acceptor(venue, store, settings);
    acceptor.start();
    std::cout << "ready" << std::endl;
    char byte;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
    // No orderly stop: sessions that are still up would hold the process for seconds.
    ::_exit(0);
  } catch (const std::exception& error) {
    std::cerr << "acceptor: " << error.what() << "\n";
    return 1;
  }
}
