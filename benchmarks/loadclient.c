/* A light FIX load client: writes prepared frames, parses what comes back, prints one line of JSON.
 *
 *   loadclient --mode pipelined|pingpong|crossing --host ADDRESS --port N --frames FILE
 *              [--port2 N --frames2 FILE] [--window ORDERS] [--timeout SECONDS] [--interval US]
 *
 * A frames file holds the logon, the orders and the logout of one connection, complete with their
 * numbers, times, lengths and checksums. The client changes nothing in it, so its own cost per order
 * is one slice of a large send() and one look at the answer. With an interval `pingpong` sends an
 * order every so many microseconds, or when the one before is answered if that is later.
 *
 * Dialogue with the harness: prints "ready" after the logon replies, waits for one line on standard
 * input, runs, prints the JSON line, waits for standard input to close, logs out, ends. The pauses
 * let the harness read the server's CPU time and memory exactly around the run. Any answer that the
 * workload does not foresee ends the process with exit code 1 and the frame on standard error: a run
 * with refused orders must not yield a number.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RX_CAPACITY (1u << 20)
#define SEND_MAX (128u << 10) /* bytes offered to one send(): more only fills the socket buffer */
#define CHECKSUM_LEN 7        /* "10=nnn" and its SOH */

struct conn {
    const char *name;
    int fd;
    char *frames;
    size_t *offsets; /* frame i is frames[offsets[i]] .. frames[offsets[i + 1]] */
    size_t orders;
    size_t sent_bytes; /* position in frames of the next byte to send */
    size_t sent_orders;
    char *rx;
    size_t rx_len;
    uint64_t rx_bytes;
    long next_seq; /* MsgSeqNum expected on the next frame of the server */
    size_t news;
    size_t fills;
    int logged_on;
    int logged_out;
};

struct options {
    const char *mode;
    const char *host;
    int port[2];
    const char *frames[2];
    size_t window;
    double timeout_s;
    int64_t interval_ns; /* 0: the next order as soon as the last one is answered */
};

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t deadline_ns;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...) {
    va_list args;
    fprintf(stderr, "loadclient: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

__attribute__((noreturn)) static void die_frame(const struct conn *c, const char *what,
                                                const char *frame, size_t len) {
    fprintf(stderr, "loadclient: %s on %s after %zu orders sent, %zu news, %zu fills: ", what,
            c->name, c->sent_orders, c->news, c->fills);
    for (size_t i = 0; i < len; i++) fputc(frame[i] == '\1' ? '|' : frame[i], stderr);
    fputc('\n', stderr);
    exit(1);
}

/* Length of the frame that starts at p, found by BodyLength; 0 when n bytes do not hold it yet. */
static size_t frame_length(const char *p, size_t n) {
    static const char head[] = "8=FIX.4.4\0019=";
    const size_t head_len = sizeof head - 1;
    size_t body = 0;
    size_t i = head_len;
    if (n < head_len + 2) return 0;
    if (memcmp(p, head, head_len) != 0) die("not a FIX 4.4 frame: %.20s", p);
    for (; i < n && p[i] != '\1'; i++) {
        if (p[i] < '0' || p[i] > '9' || body > 100000) die("bad BodyLength");
        body = body * 10 + (size_t)(p[i] - '0');
    }
    const size_t total = i + 1 + body + CHECKSUM_LEN;
    if (i >= n || total > n) return 0;
    if (memcmp(p + total - CHECKSUM_LEN, "10=", 3) != 0) die("BodyLength does not lead to 10=");
    return total;
}

static void load_frames(struct conn *c, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die("%s: %s", path, strerror(errno));
    fseek(file, 0, SEEK_END);
    const size_t size = (size_t)ftell(file);
    rewind(file);
    c->frames = malloc(size + 1);
    c->offsets = malloc((size / 20 + 2) * sizeof *c->offsets); /* no frame is as short as 20 bytes */
    if (!c->frames || !c->offsets) die("out of memory");
    if (fread(c->frames, 1, size, file) != size) die("%s: short read", path);
    fclose(file);
    size_t count = 0;
    for (size_t at = 0; at < size; count++) {
        const size_t len = frame_length(c->frames + at, size - at);
        if (!len) die("%s: truncated frame", path);
        c->offsets[count] = at;
        at += len;
    }
    c->offsets[count] = size;
    if (count < 3) die("%s: needs a logon, at least one order and a logout", path);
    c->orders = count - 2;
    c->sent_bytes = c->offsets[1];
}

static void open_conn(struct conn *c, const char *name, const struct options *o, int which) {
    const int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o->port[which])};
    c->name = name;
    c->next_seq = 1;
    c->rx = malloc(RX_CAPACITY);
    if (!c->rx) die("out of memory");
    load_frames(c, o->frames[which]);
    if (inet_pton(AF_INET, o->host, &address.sin_addr) != 1) die("bad address %s", o->host);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("connect to %s:%d: %s", o->host, o->port[which], strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void handle_frame(struct conn *c, const char *p, size_t len) {
    const char *type = memchr(p + 12, '\1', 12);
    if (!type || memcmp(type + 1, "35=", 3) != 0) die_frame(c, "no MsgType", p, len);
    const char *seq = memmem(type, len - (size_t)(type - p), "\00134=", 4);
    if (!seq || strtol(seq + 4, NULL, 10) != c->next_seq)
        die_frame(c, "MsgSeqNum out of order", p, len);
    c->next_seq++;
    switch (type[4]) {
    case '8': {
        const char *exec = memmem(type, len - (size_t)(type - p), "\001150=", 5);
        if (exec && exec[5] == '0') c->news++;
        else if (exec && exec[5] == 'F') c->fills++;
        else die_frame(c, "unexpected ExecutionReport", p, len);
        return;
    }
    case 'A': c->logged_on = 1; return;
    case '0': return;
    case '5':
        if (c->sent_bytes != c->offsets[c->orders + 2]) die_frame(c, "Logout", p, len);
        c->logged_out = 1;
        return;
    case '1': die_frame(c, "TestRequest, the run is too long", p, len);
    default: die_frame(c, "refusal or unknown message", p, len);
    }
}

/* One recv() and the frames it completes. Returns 0 when nothing was there. */
static int receive(struct conn *c, int flags) {
    const ssize_t got = recv(c->fd, c->rx + c->rx_len, RX_CAPACITY - c->rx_len, flags);
    if (got == 0) die("%s: the server closed the connection", c->name);
    if (got < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return 0;
        die("%s: recv: %s", c->name, strerror(errno));
    }
    c->rx_len += (size_t)got;
    c->rx_bytes += (uint64_t)got;
    size_t at = 0;
    for (size_t len; (len = frame_length(c->rx + at, c->rx_len - at)) != 0; at += len)
        handle_frame(c, c->rx + at, len);
    c->rx_len -= at;
    memmove(c->rx, c->rx + at, c->rx_len);
    return 1;
}

/* Offers the socket what the window allows. Returns 1 when the socket would not take all of it. */
static int send_up_to(struct conn *c, size_t order_limit) {
    const size_t end = c->offsets[order_limit + 1]; /* frame 0 is the logon */
    while (c->sent_bytes < end) {
        size_t want = end - c->sent_bytes;
        if (want > SEND_MAX) want = SEND_MAX;
        const ssize_t put =
            send(c->fd, c->frames + c->sent_bytes, want, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) return 1;
            if (errno != EINTR) die("%s: send: %s", c->name, strerror(errno));
            continue;
        }
        c->sent_bytes += (size_t)put;
        while (c->sent_orders < c->orders && c->offsets[c->sent_orders + 2] <= c->sent_bytes)
            c->sent_orders++;
        if ((size_t)put < want) return 1;
    }
    return 0;
}

static void wait_for(struct conn *conns, int count, int writer) {
    struct pollfd fds[2];
    const int64_t left_ms = (deadline_ns - now_ns()) / 1000000;
    if (left_ms <= 0)
        die("timeout: %s sent %zu of %zu, news %zu, fills %zu", conns[count - 1].name,
            conns[count - 1].sent_orders, conns[count - 1].orders, conns[count - 1].news,
            conns[count - 1].fills);
    for (int i = 0; i < count; i++)
        fds[i] = (struct pollfd){.fd = conns[i].fd, .events = POLLIN | (i == writer ? POLLOUT : 0)};
    poll(fds, (nfds_t)count, (int)left_ms);
}

/* Plays all orders of one connection with a bounded number of orders without their last report. */
static void play(struct conn *conns, int count, int active, const size_t *settled, size_t window) {
    struct conn *c = &conns[active];
    while (*settled < c->orders) {
        const size_t limit = c->orders - *settled <= window ? c->orders : *settled + window;
        const int full = send_up_to(c, limit);
        int any = 0;
        for (int i = 0; i < count; i++) any |= receive(&conns[i], MSG_DONTWAIT);
        if (!any) wait_for(conns, count, full ? active : -1);
    }
}

static void until(struct conn *conns, int count, const size_t *value, size_t target) {
    while (*value < target) {
        int any = 0;
        for (int i = 0; i < count; i++) any |= receive(&conns[i], MSG_DONTWAIT);
        if (!any) wait_for(conns, count, -1);
    }
}

static void exchange(struct conn *c, size_t frame, int *flag) {
    const size_t end = c->offsets[frame + 1];
    size_t at = c->offsets[frame];
    if (end == c->offsets[c->orders + 2]) c->sent_bytes = end;
    while (at < end) {
        const ssize_t put = send(c->fd, c->frames + at, end - at, MSG_NOSIGNAL);
        if (put <= 0) die("%s: send: %s", c->name, strerror(errno));
        at += (size_t)put;
    }
    while (!*flag)
        if (!receive(c, MSG_DONTWAIT)) wait_for(c, 1, -1);
}

static int compare_ns(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t quantile(const int64_t *sorted, size_t n, double q) {
    const size_t i = (size_t)(q * (double)n);
    return sorted[i < n ? i : n - 1];
}

static void sleep_until(int64_t at_ns) {
    const struct timespec t = {.tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) continue;
}

static void run_pingpong(struct conn *c, int64_t interval_ns) {
    int64_t *trips = malloc(c->orders * sizeof *trips);
    const struct timeval limit = {.tv_sec = 10};
    if (!trips) die("out of memory");
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const int64_t start = now_ns();
    for (size_t i = 0; i < c->orders; i++) {
        if (interval_ns) sleep_until(start + (int64_t)i * interval_ns);
        const int64_t sent_at = now_ns();
        if (send_up_to(c, i + 1)) die("socket did not take a single order");
        while (c->news <= i)
            if (!receive(c, 0)) die("%s: no answer to one order within 10 s", c->name);
        trips[i] = now_ns() - sent_at;
    }
    const int64_t elapsed = now_ns() - start;
    qsort(trips, c->orders, sizeof *trips, compare_ns);
    printf("{\"mode\":\"pingpong\",\"orders\":%zu,\"reports\":%zu,\"elapsed_ns\":%lld,"
           "\"p50_ns\":%lld,\"p99_ns\":%lld,\"p999_ns\":%lld,\"max_ns\":%lld}\n",
           c->orders, c->news, (long long)elapsed, (long long)quantile(trips, c->orders, 0.5),
           (long long)quantile(trips, c->orders, 0.99), (long long)quantile(trips, c->orders, 0.999),
           (long long)trips[c->orders - 1]);
    free(trips);
}

static void run_pipelined(struct conn *c, size_t window) {
    const int64_t start = now_ns();
    play(c, 1, 0, &c->news, window);
    const int64_t elapsed = now_ns() - start;
    if (c->fills) die("%zu fills in a workload that does not cross", c->fills);
    printf("{\"mode\":\"pipelined\",\"orders\":%zu,\"reports\":%zu,\"window\":%zu,"
           "\"elapsed_ns\":%lld,\"received_bytes\":%llu}\n",
           c->orders, c->news, window, (long long)elapsed, (unsigned long long)c->rx_bytes);
}

static void run_crossing(struct conn *conns, size_t window) {
    struct conn *maker = &conns[0], *taker = &conns[1];
    if (maker->orders != taker->orders) die("maker and taker need the same number of orders");
    const int64_t start = now_ns();
    play(conns, 2, 0, &maker->news, window);
    if (maker->fills) die("resting side was filled before the taker came");
    const int64_t rested = now_ns();
    play(conns, 2, 1, &taker->fills, window);
    until(conns, 2, &maker->fills, maker->orders);
    const int64_t end = now_ns();
    const size_t n = maker->orders;
    if (taker->news != n || taker->fills != n || maker->news != n || maker->fills != n)
        die("pairs %zu, but maker news %zu fills %zu, taker news %zu fills %zu", n, maker->news,
            maker->fills, taker->news, taker->fills);
    printf("{\"mode\":\"crossing\",\"orders\":%zu,\"pairs\":%zu,\"reports\":%zu,\"window\":%zu,"
           "\"elapsed_ns\":%lld,\"taking_ns\":%lld,\"received_bytes\":%llu}\n",
           2 * n, n, 4 * n, window, (long long)(end - start), (long long)(end - rested),
           (unsigned long long)(maker->rx_bytes + taker->rx_bytes));
}

static struct options parse_options(int argc, char **argv) {
    static const struct option names[] = {
        {"mode", 1, 0, 'm'},    {"host", 1, 0, 'h'},   {"port", 1, 0, 'p'},
        {"port2", 1, 0, 'q'},   {"frames", 1, 0, 'f'}, {"frames2", 1, 0, 'g'},
        {"window", 1, 0, 'w'},  {"timeout", 1, 0, 't'}, {"interval", 1, 0, 'i'},
        {0, 0, 0, 0}};
    struct options o = {.mode = "pipelined", .host = "127.0.0.1", .window = 512, .timeout_s = 50};
    for (int flag; (flag = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (flag) {
        case 'm': o.mode = optarg; break;
        case 'h': o.host = optarg; break;
        case 'p': o.port[0] = atoi(optarg); break;
        case 'q': o.port[1] = atoi(optarg); break;
        case 'f': o.frames[0] = optarg; break;
        case 'g': o.frames[1] = optarg; break;
        case 'w': o.window = (size_t)atol(optarg); break;
        case 't': o.timeout_s = atof(optarg); break;
        case 'i': o.interval_ns = atol(optarg) * 1000; break;
        default: exit(2);
        }
    }
    if (!o.port[0] || !o.frames[0]) die("--port and --frames are required");
    if (o.window == 0) o.window = SIZE_MAX; /* 0 means without a bound */
    return o;
}

int main(int argc, char **argv) {
    const struct options o = parse_options(argc, argv);
    const int crossing = strcmp(o.mode, "crossing") == 0;
    const int count = crossing ? 2 : 1;
    struct conn conns[2] = {{0}, {0}};
    char line[16];
    if (crossing && (!o.port[1] || !o.frames[1])) die("crossing needs --port2 and --frames2");
    deadline_ns = now_ns() + (int64_t)(o.timeout_s * 1e9);
    open_conn(&conns[0], "connection A", &o, 0);
    if (crossing) open_conn(&conns[1], "connection B", &o, 1);
    for (int i = 0; i < count; i++) exchange(&conns[i], 0, &conns[i].logged_on);
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) die("the harness went away");
    deadline_ns = now_ns() + (int64_t)(o.timeout_s * 1e9);
    if (crossing) run_crossing(conns, o.window);
    else if (strcmp(o.mode, "pingpong") == 0) run_pingpong(&conns[0], o.interval_ns);
    else run_pipelined(&conns[0], o.window);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) continue;
    const size_t settled = conns[0].news + conns[0].fills + conns[1].news + conns[1].fills;
    deadline_ns = now_ns() + 10000000000LL;
    for (int i = 0; i < count; i++) exchange(&conns[i], conns[i].orders + 1, &conns[i].logged_out);
    if (conns[0].news + conns[0].fills + conns[1].news + conns[1].fills != settled)
        die("reports came after the run was complete");
    return 0;
}
