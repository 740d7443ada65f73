// A QuickFIX acceptor that sends the same messages to all of its sessions: the peer of the fan-out.
//
// It does what a market-data server on QuickFIX does: a message is built once and given to each
// session, which numbers, stamps, encodes and sends it. Memory store, no log, one thread a session
// for what comes in; what goes out is sent by the thread that has it.
//
//   fanout PORT OWN_COMP_ID CLIENT_COMP_ID...
//
// Prints "ready" when it listens. Each line on standard input names a file of frames: those are sent
// to everybody, in order, as fast as it goes, then "done" is printed. Ends when standard input closes.

#include <quickfix/Application.h>
#include <quickfix/Message.h>
#include <quickfix/MessageStore.h>
#include <quickfix/Session.h>
#include <quickfix/SessionSettings.h>
#include <quickfix/ThreadedSocketAcceptor.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

class Application : public FIX::Application {
 public:
  void onCreate(const FIX::SessionID&) {}
  void onLogon(const FIX::SessionID&) {}
  void onLogout(const FIX::SessionID&) {}
  void toAdmin(FIX::Message&, const FIX::SessionID&) {}
  void toApp(FIX::Message&, const FIX::SessionID&) throw(FIX::DoNotSend) {}
  void fromAdmin(const FIX::Message&, const FIX::SessionID&) throw(
      FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue, FIX::RejectLogon) {}
  void fromApp(const FIX::Message&, const FIX::SessionID&) throw(
      FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue,
      FIX::UnsupportedMessageType) {}
};

std::string settings_text(int argc, char** argv) {
  std::ostringstream text;
  text << "[DEFAULT]\nConnectionType=acceptor\nBeginString=FIX.4.4\nSocketAcceptPort=" << argv[1]
       << "\nSocketReuseAddress=Y\nSocketNodelay=Y\nUseDataDictionary=N\n"
       << "StartTime=00:00:00\nEndTime=00:00:00\nHeartBtInt=60\nTimestampPrecision=3\n"
       << "SenderCompID=" << argv[2] << "\n";
  for (int i = 3; i < argc; ++i) text << "[SESSION]\nTargetCompID=" << argv[i] << "\n";
  return text.str();
}

// The frames of a file, each without its header and trailer fields, which are each session's own.
std::vector<FIX::Message> read_messages(const std::string& path) {
  std::ifstream file(path.c_str(), std::ios::binary);
  const std::string data((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::string begin = "8=FIX.4.4\001";
  std::vector<FIX::Message> messages;
  for (std::size_t at = 0; at < data.size();) {
    std::size_t end = data.find(begin, at + begin.size());
    if (end == std::string::npos) end = data.size();
    messages.push_back(FIX::Message(data.substr(at, end - at), false));
    at = end;
  }
  return messages;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: fanout PORT OWN_COMP_ID CLIENT_COMP_ID...\n";
    return 2;
  }
  try {
    std::istringstream text(settings_text(argc, argv));
    FIX::SessionSettings settings(text);
    Application application;
    FIX::MemoryStoreFactory store;
    FIX::ThreadedSocketAcceptor acceptor(application, store, settings);
    acceptor.start();
    const std::set<FIX::SessionID> everybody = settings.getSessions();
    std::cout << "ready" << std::endl;
    for (std::string path; std::getline(std::cin, path);) {
      std::vector<FIX::Message> messages = read_messages(path);
      for (FIX::Message& message : messages)
        for (const FIX::SessionID& session : everybody)
          FIX::Session::sendToTarget(message, session);
      std::cout << "done " << messages.size() << std::endl;
    }
    // No orderly stop: sessions that are still up would hold the process for seconds.
    ::_exit(0);
  } catch (const std::exception& error) {
    std::cerr << "fanout: " << error.what() << "\n";
    return 1;
  }
}
