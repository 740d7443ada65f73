/* A server that knows no orders: it answers every NewOrderSingle with one canned ExecutionReport.
 *
 *   nullserver OWN_COMP_ID CLIENT_COMP_ID        prints "ready PORT", ends when standard input closes
 *
 * It shows how fast the load client and the loopback are by themselves. Frames are found by
 * BodyLength; nothing else of an order is read. Only MsgSeqNum (nine digits, so the length is fixed)
 * and the checksum of the answer change.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (1u << 20)
#define SEQ_DIGITS 9
#define STAMP "20260101-00:00:00.000"

struct canned {
    char text[512];
    size_t len;
    size_t seq_at;
    unsigned base_sum; /* of all bytes before 10=, with the digits of MsgSeqNum as zeros */
};

static char rx[BUFFER], tx[BUFFER];
static struct canned logon, logout, report;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void can(struct canned *c, const char *type, const char *own, const char *client,
                const char *rest) {
    char body[400];
    const int n = snprintf(body, sizeof body,
                           "35=%s\00134=000000000\00149=%s\00156=%s\00152=" STAMP "\001%s", type,
                           own, client, rest);
    c->len = (size_t)snprintf(c->text, sizeof c->text, "8=FIX.4.4\0019=%d\001%s", n, body);
    c->seq_at = (size_t)((char *)memmem(c->text, c->len, "\00134=", 4) - c->text) + 4;
    for (size_t i = 0; i < c->len; i++) c->base_sum += (unsigned char)c->text[i];
    c->len += (size_t)snprintf(c->text + c->len, 8, "10=000\001");
}

static size_t put(const struct canned *c, char *to, unsigned seq) {
    unsigned sum = c->base_sum;
    memcpy(to, c->text, c->len);
    for (int i = SEQ_DIGITS - 1; seq != 0; i--, seq /= 10) {
        to[c->seq_at + (size_t)i] = (char)('0' + seq % 10);
        sum += seq % 10;
    }
    sum &= 255;
    to[c->len - 4] = (char)('0' + sum / 100);
    to[c->len - 3] = (char)('0' + sum / 10 % 10);
    to[c->len - 2] = (char)('0' + sum % 10);
    return c->len;
}

static void send_all(int fd, size_t len) {
    for (size_t at = 0; at < len;) {
        const ssize_t n = send(fd, tx + at, len - at, MSG_NOSIGNAL);
        if (n <= 0) return;
        at += (size_t)n;
    }
}

/* Length of the first frame, 0 when it is not complete; *type points at its MsgType. */
static size_t frame(const char *p, size_t n, const char **type) {
    size_t body = 0, i = 12;
    if (n < 16) return 0;
    for (; i < n && p[i] != '\1'; i++) body = body * 10 + (size_t)(p[i] - '0');
    if (i + 1 + body + 7 > n) return 0;
    *type = p + i + 4;
    return i + 1 + body + 7;
}

static void serve(int fd) {
    size_t have = 0;
    unsigned seq = 1;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (ssize_t got; (got = recv(fd, rx + have, BUFFER - have, 0)) > 0;) {
        size_t at = 0, out = 0;
        const char *type;
        have += (size_t)got;
        for (size_t len; (len = frame(rx + at, have - at, &type)) != 0; at += len) {
            if (out + sizeof report.text > BUFFER) {
                send_all(fd, out);
                out = 0;
            }
            out += put(*type == 'D' ? &report : *type == 'A' ? &logon : &logout, tx + out, seq++);
        }
        have -= at;
        memmove(rx, rx + at, have);
        send_all(fd, out);
    }
    close(fd);
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (argc != 3) {
        fprintf(stderr, "usage: nullserver OWN_COMP_ID CLIENT_COMP_ID\n");
        return 2;
    }
    can(&logon, "A", argv[1], argv[2], "98=0\001108=60\001141=Y\001");
    can(&logout, "5", argv[1], argv[2], "");
    can(&report, "8", argv[1], argv[2],
        "6=0\00111=1793697301000000\00114=0\00117=1\00137=1\00138=0.001\00139=0\00140=2\001"
        "44=84000.5\00154=1\00155=BTC/USD\00159=1\00160=" STAMP "\001150=0\001151=0.001\001");
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) != 0) fail("bind");
    if (listen(listener, 4) != 0) fail("listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("ready %d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0) fail("poll");
        if (fds[0].revents) return 0;
        const int fd = accept(listener, NULL, NULL);
        if (fd >= 0) serve(fd);
    }
}
