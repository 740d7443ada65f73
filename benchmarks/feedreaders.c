/* Many market-data sessions in one process: counts what comes and notes when trades were told.
 *
 *   feedreaders --host ADDRESS --port N --frames FILE --samples FILE
 *               [--refreshes N] [--sleepers N] [--capture FILE]
 *
 * The frames file holds, for each session, its logon and whatever it asks for; the next logon begins
 * the next session. "ready" is printed once every session has got so many full refreshes (35=W).
 * Then each line on standard input is answered by one line on standard output:
 *
 *   count   what came so far, as JSON, and when the newest of it came
 *   sleep   the last `--sleepers` sessions read no more
 *   wake    they read again
 *
 * When standard input closes, the samples are written: for each incremental refresh of trades the
 * time (CLOCK_MONOTONIC, nanoseconds) and the number of its first trade, two words of eight bytes;
 * not those of sessions that may be asleep.
 * `--capture` writes the incremental refreshes of the first session to a file. A number that does
 * not follow the one before, a refusal and a lost line (but for a sleeper's, which the server may
 * give up) end the process with exit code 1: a run in
 * which anything was missed must not yield a figure.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RX_CAPACITY (512u << 10) /* more than the longest frame: a book of 1,000 levels a side */
#define SLEEPER_RECEIVE_BYTES (64 << 10)
#define SAMPLES_MAX (1u << 22)
#define EVENTS_AT_ONCE 64
#define CHECKSUM_LEN 7 /* "10=nnn" and its SOH */
#define COMP_IDS_MAX 128

struct session {
    int fd;
    int sleeper; /* one that may be told to read no more: what it is told late is no sample */
    int asleep;
    char *rx;
    size_t rx_len;
    long next_seq;  /* MsgSeqNum expected on the next frame of the server */
    long own_seq;   /* MsgSeqNum of the next frame to it */
    long refreshes; /* 35=W */
    char comp_ids[COMP_IDS_MAX];
};

struct sample {
    int64_t received_ns;
    int64_t trade;
};

static struct session *sessions;
static size_t session_count;
static struct sample *samples;
static size_t sample_count;
static uint64_t updates, refreshes, bytes, reads;
static int64_t newest_ns;
static FILE *capture;
static int epoll;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...) {
    va_list args;
    fprintf(stderr, "feedreaders: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Length of the frame that starts at p, found by BodyLength; 0 when n bytes do not hold it yet. */
static size_t frame_length(const char *p, size_t n) {
    static const char head[] = "8=FIX.4.4\0019=";
    const size_t head_len = sizeof head - 1;
    size_t body = 0;
    size_t i = head_len;
    if (n < head_len + 2) return 0;
    if (memcmp(p, head, head_len) != 0) die("not a FIX 4.4 frame: %.20s", p);
    for (; i < n && p[i] != '\1'; i++) body = body * 10 + (size_t)(p[i] - '0');
    const size_t total = i + 1 + body + CHECKSUM_LEN;
    if (total > RX_CAPACITY) die("a frame of %zu bytes", total);
    if (i >= n || total > n) return 0;
    if (memcmp(p + total - CHECKSUM_LEN, "10=", 3) != 0) die("BodyLength does not lead to 10=");
    return total;
}

/* MDEntryID counts the trades of a symbol, so the symbol is in the number, too (`flow.trade_key`). */
static int64_t trade_key(const char *symbol, const char *number) {
    unsigned hash = 0;
    for (; *symbol != '\1'; symbol++) hash = (hash * 31 + (unsigned char)*symbol) % 65536;
    return strtoll(number, NULL, 10) * 65536 + hash;
}

static void send_all(struct session *s, const char *data, size_t len) {
    while (len > 0) {
        const ssize_t put = send(s->fd, data, len, MSG_NOSIGNAL);
        if (put <= 0) die("send: %s", strerror(errno));
        data += put;
        len -= (size_t)put;
    }
}

static void send_heartbeat(struct session *s, const char *test_req_id, size_t id_len) {
    char body[512], head[64], frame[640], stamp[32];
    const time_t now = time(NULL);
    struct tm utc;
    unsigned sum = 0;
    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H:%M:%S.000", &utc);
    const int len = snprintf(body, sizeof body, "35=0\00134=%ld\001%s52=%s\001112=%.*s\001",
                             s->own_seq++, s->comp_ids, stamp, (int)id_len, test_req_id);
    const int head_len = snprintf(head, sizeof head, "8=FIX.4.4\0019=%d\001", len);
    for (int i = 0; i < head_len; i++) sum += (unsigned char)head[i];
    for (int i = 0; i < len; i++) sum += (unsigned char)body[i];
    const int total =
        snprintf(frame, sizeof frame, "%s%s10=%03u\001", head, body, sum % 256);
    send_all(s, frame, (size_t)total);
}

static void handle_frame(struct session *s, const char *p, size_t len, int64_t at_ns) {
    const char *type = memchr(p + 12, '\1', 12);
    if (!type || memcmp(type + 1, "35=", 3) != 0) die("no MsgType: %.40s", p);
    const char *seq = type + 6; /* the server writes 34= behind a MsgType of one byte */
    if (memcmp(seq, "34=", 3) != 0) { /* another server may not */
        seq = memmem(type, len - (size_t)(type - p), "\00134=", 4);
        if (!seq++) die("no MsgSeqNum: %.40s", p);
    }
    const long number = strtol(seq + 3, NULL, 10);
    if (number != s->next_seq) die("MsgSeqNum %ld, expected %ld", number, s->next_seq);
    s->next_seq++;
    switch (type[4]) {
    case 'X': {
        updates++;
        if (capture && s == sessions) fwrite(p, 1, len, capture);
        const char *trade = memmem(p, len, "\001269=2\001278=", 11);
        const char *symbol = trade ? memmem(p, len, "\00155=", 4) : NULL;
        if (symbol && !s->sleeper && sample_count < SAMPLES_MAX)
            samples[sample_count++] = (struct sample){at_ns, trade_key(symbol + 4, trade + 11)};
        return;
    }
    case 'W':
        refreshes++;
        s->refreshes++;
        return;
    case 'A':
    case '0': return;
    case '1': {
        const char *id = memmem(p, len, "\001112=", 5);
        if (!id) die("a TestRequest without an id");
        send_heartbeat(s, id + 5, strcspn(id + 5, "\1"));
        return;
    }
    default: die("unexpected: %.*s", (int)len, p);
    }
}

/* The server gives up who does not read for long: that is no failure of the run. */
static void lose(struct session *s) {
    epoll_ctl(epoll, EPOLL_CTL_DEL, s->fd, NULL);
    close(s->fd);
    s->fd = -1;
}

static void receive(struct session *s) {
    const ssize_t got = recv(s->fd, s->rx + s->rx_len, RX_CAPACITY - s->rx_len, MSG_DONTWAIT);
    if (s->sleeper && (got == 0 || (got < 0 && errno == ECONNRESET))) {
        lose(s);
        return;
    }
    if (got == 0) die("session %ld: the server closed the connection", (long)(s - sessions));
    if (got < 0) {
        if (errno == EAGAIN || errno == EINTR) return;
        die("recv: %s", strerror(errno));
    }
    newest_ns = now_ns();
    reads++;
    s->rx_len += (size_t)got;
    bytes += (uint64_t)got;
    size_t at = 0;
    for (size_t len; (len = frame_length(s->rx + at, s->rx_len - at)) != 0; at += len)
        handle_frame(s, s->rx + at, len, newest_ns);
    s->rx_len -= at;
    memmove(s->rx, s->rx + at, s->rx_len);
}

static char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) die("%s: %s", path, strerror(errno));
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*size + 1);
    if (!data || fread(data, 1, *size, file) != *size) die("%s: short read", path);
    data[*size] = 0;
    fclose(file);
    return data;
}

static void open_session(struct session *s, const char *host, int port, const char *logon,
                         int sleeper) {
    const int on = 1, small = SLEEPER_RECEIVE_BYTES;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const char *from = memmem(logon, 200, "\00149=", 4);
    const char *to = memmem(logon, 200, "\00152=", 4);
    if (!from || !to || to - from >= COMP_IDS_MAX) die("a logon without CompIDs");
    memcpy(s->comp_ids, from + 1, (size_t)(to - from));
    s->rx = malloc(RX_CAPACITY);
    s->sleeper = sleeper;
    s->next_seq = 1;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (sleeper) setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) die("bad address %s", host);
    if (connect(s->fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("connect to %s:%d: %s", host, port, strerror(errno));
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &event);
}

static void log_on(const char *host, int port, const char *path, size_t sleepers) {
    size_t size;
    char *data = read_file(path, &size);
    size_t count = 0;
    for (size_t at = 0, len; at < size; at += len) {
        len = frame_length(data + at, size - at);
        if (!len) die("%s: truncated frame", path);
        if (memmem(data + at, 40, "\00135=A\001", 6)) count++;
    }
    sessions = calloc(count, sizeof *sessions);
    if (!sessions) die("out of memory");
    for (size_t at = 0, len; at < size; at += len) {
        len = frame_length(data + at, size - at);
        if (memmem(data + at, 40, "\00135=A\001", 6)) {
            struct session *s = &sessions[session_count++];
            open_session(s, host, port, data + at, session_count > count - sleepers);
        }
        struct session *s = &sessions[session_count - 1];
        send_all(s, data + at, len);
        s->own_seq++;
        if (s->own_seq == 1)
            while (s->next_seq == 1) receive(s); /* a logon is answered before more is sent */
    }
    for (size_t i = 0; i < session_count; i++) sessions[i].own_seq++;
    free(data);
}

static void set_asleep(size_t sleepers, int asleep) {
    for (size_t i = session_count - sleepers; i < session_count; i++) {
        if (sessions[i].fd < 0) continue;
        struct epoll_event event = {.events = asleep ? 0 : EPOLLIN, .data.ptr = &sessions[i]};
        sessions[i].asleep = asleep;
        epoll_ctl(epoll, EPOLL_CTL_MOD, sessions[i].fd, &event);
    }
}

static int all_refreshed(long wanted) {
    for (size_t i = 0; i < session_count; i++)
        if (sessions[i].refreshes < wanted) return 0;
    return 1;
}

/* Waits for readable sessions and for commands. Returns 0 when standard input is at its end. */
static int turn(size_t sleepers) {
    struct epoll_event events[EVENTS_AT_ONCE];
    const int count = epoll_wait(epoll, events, EVENTS_AT_ONCE, -1);
    for (int i = 0; i < count; i++) {
        struct session *s = events[i].data.ptr;
        if (s) {
            if (!s->asleep)
                receive(s);
            else if (events[i].events & (EPOLLHUP | EPOLLERR))
                lose(s);
            continue;
        }
        char line[64];
        const ssize_t got = read(0, line, sizeof line - 1);
        if (got <= 0) return 0;
        if (line[0] == 's' || line[0] == 'w') set_asleep(sleepers, line[0] == 's');
        printf("{\"updates\":%llu,\"refreshes\":%llu,\"bytes\":%llu,\"reads\":%llu,"
               "\"newest_ns\":%lld}\n",
               (unsigned long long)updates, (unsigned long long)refreshes,
               (unsigned long long)bytes, (unsigned long long)reads, (long long)newest_ns);
        fflush(stdout);
    }
    return 1;
}

int main(int argc, char **argv) {
    static const struct option names[] = {
        {"host", 1, 0, 'h'},      {"port", 1, 0, 'p'},     {"frames", 1, 0, 'f'},
        {"samples", 1, 0, 's'},   {"refreshes", 1, 0, 'r'}, {"sleepers", 1, 0, 'z'},
        {"capture", 1, 0, 'c'},   {0, 0, 0, 0}};
    const char *host = "127.0.0.1", *frames = NULL, *samples_path = NULL;
    int port = 0;
    long wanted = 0;
    size_t sleepers = 0;
    for (int flag; (flag = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (flag) {
        case 'h': host = optarg; break;
        case 'p': port = atoi(optarg); break;
        case 'f': frames = optarg; break;
        case 's': samples_path = optarg; break;
        case 'r': wanted = atol(optarg); break;
        case 'z': sleepers = (size_t)atol(optarg); break;
        case 'c':
            capture = fopen(optarg, "wb");
            if (!capture) die("%s: %s", optarg, strerror(errno));
            break;
        default: exit(2);
        }
    }
    if (!port || !frames || !samples_path) die("--port, --frames and --samples are required");
    samples = malloc(SAMPLES_MAX * sizeof *samples);
    epoll = epoll_create1(0);
    if (!samples || epoll < 0) die("out of memory or descriptors");
    log_on(host, port, frames, sleepers);
    while (!all_refreshed(wanted)) turn(0);
    struct epoll_event commands = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &commands);
    puts("ready");
    fflush(stdout);
    while (turn(sleepers)) continue;
    FILE *file = fopen(samples_path, "wb");
    if (!file || fwrite(samples, sizeof *samples, sample_count, file) != sample_count ||
        fclose(file) != 0)
        die("%s: %s", samples_path, strerror(errno));
    if (capture) fclose(capture);
    return 0;
}
