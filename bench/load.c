// SPDX-License-Identifier: Apache-2.0
// The benchmark's load generator: N connections, M messages on each, one step at a time like an ordinary MTA
// (no pipelining), optionally STARTTLS with a full handshake on every connection. One thread, epoll.
//
// Prints one JSON object: messages, seconds, latency from the last octet of the data to the whole 250 line, what TLS
// came up, and its own CPU time, which shows whether the generator was the bottleneck.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum step { BANNER, HELLO, STARTTLS, HANDSHAKE, MAIL, RCPT, DATA, BODY, QUIT, GONE };

// RFC 5321 §4.5.3.1.5: a reply line has at most 512 octets; a multi-line reply is read line by line.
#define SIGNATURES "ECDSA+SHA256:RSA-PSS+SHA256"

enum { REPLY_ROOM = 2048, LINE = 80, HEADER_ROOM = 512, TRIES = 50, GOODBYE_SECONDS = 2 };

struct talk {
  int fd, left, replied, want_write;
  enum step step;
  SSL *tls;
  char in[REPLY_ROOM];
  size_t have;
  char *out;
  size_t out_len, out_done;
  double body_sent;
};

static struct {
  const char *host, *from, *to, *helo;
  int port, connections, per_connection, starttls;
  long messages, size;
  double stall;
} opt = {"127.0.0.1", "load@sender.example", "someone@bench.example", "load.example", 25, 20, 1, 0, 1000, 4096, 30};

static int poll_fd;
static SSL_CTX *tls_context;
static char *body;
static size_t body_len;
static long started, answered, good, failed, connections_made;
static int open_talks;
static double *latency;
static double first_connect, last_answer, last_progress;
static char first_failure[REPLY_ROOM], tls_seen[200];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *format, ...) {
  va_list list;
  va_start(list, format);
  fputs("load: ", stderr);
  vfprintf(stderr, format, list);
  fputc('\n', stderr);
  va_end(list);
  exit(1);
}

static void note_failure(const char *text) {
  failed++;
  if (!first_failure[0]) snprintf(first_failure, sizeof first_failure, "%s", text);
}

static void watch(struct talk *t, int how) {
  struct epoll_event event = {.events = EPOLLIN | (t->want_write ? EPOLLOUT : 0), .data.ptr = t};
  if (epoll_ctl(poll_fd, how, t->fd, &event) < 0) die("epoll_ctl: %s", strerror(errno));
}

static void want_write(struct talk *t, int yes) {
  if (t->want_write == yes) return;
  t->want_write = yes;
  watch(t, EPOLL_CTL_MOD);
}

static void dial(struct talk *t) {
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((unsigned short)opt.port)};
  int on = 1;
  if (inet_pton(AF_INET, opt.host, &peer.sin_addr) != 1) die("not an IPv4 address: %s", opt.host);
  t->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (t->fd < 0) die("socket: %s", strerror(errno));
  setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(t->fd, (struct sockaddr *)&peer, sizeof peer) < 0 && errno != EINPROGRESS) die("connect: %s", strerror(errno));
  connections_made++;
  t->step = BANNER;
  t->have = t->out_len = t->out_done = 0;
  t->replied = t->want_write = 0;
  t->left = opt.per_connection;
  t->tls = NULL;
  watch(t, EPOLL_CTL_ADD);
}

static void hang_up(struct talk *t) {
  if (t->tls) {
    if (t->step == QUIT) SSL_shutdown(t->tls);
    ERR_clear_error();
    SSL_free(t->tls);
    t->tls = NULL;
  }
  if (t->fd >= 0) close(t->fd);
  t->fd = -1;
  t->step = GONE;
  if (started < opt.messages) dial(t);
  else open_talks--;
}

static void lost(struct talk *t, const char *why) {
  if (t->step != QUIT) {
    note_failure(why);
    if (t->step > HANDSHAKE && t->step < QUIT) answered++;  // this message will not be answered any more
    if (failed > TRIES && failed > answered / 10) die("too many failures; the first: %s", first_failure);
  }
  hang_up(t);
}

// Sends what waits. 1: all gone, 0: would block, -1: the connection is lost.
static int flush(struct talk *t) {
  while (t->out_done < t->out_len) {
    ssize_t n;
    // Before the last write, not after it: on loopback the server may run and answer before the write returns.
    if (t->step == BODY) t->body_sent = now();
    if (t->tls) {
      int got = SSL_write(t->tls, t->out + t->out_done, (int)(t->out_len - t->out_done));
      if (got <= 0) {
        int why = SSL_get_error(t->tls, got);
        if (why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ) return -1;
        want_write(t, why == SSL_ERROR_WANT_WRITE);
        return 0;
      }
      n = got;
    } else {
      n = send(t->fd, t->out + t->out_done, t->out_len - t->out_done, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        if (errno != EAGAIN) return -1;
        want_write(t, 1);
        return 0;
      }
    }
    t->out_done += (size_t)n;
  }
  want_write(t, 0);
  t->out_len = t->out_done = 0;
  return 1;
}

static void say(struct talk *t, enum step next, const char *format, ...) {
  va_list list;
  va_start(list, format);
  t->out_len = (size_t)vsnprintf(t->out, HEADER_ROOM, format, list);
  va_end(list);
  t->step = next;
  if (flush(t) < 0) lost(t, "connection lost while sending");
}

static void send_body(struct talk *t) {
  int head = snprintf(t->out, HEADER_ROOM,
                      "Message-ID: <%010ld.%d@load.example>\r\nDate: Sun, 22 Nov 2026 06:00:00 +0000\r\n"
                      "From: <%s>\r\nTo: <%s>\r\nSubject: load\r\n\r\n",
                      started, (int)getpid(), opt.from, opt.to);
  memcpy(t->out + head, body, body_len);
  t->out_len = (size_t)head + body_len;
  t->step = BODY;
  if (flush(t) < 0) lost(t, "connection lost while sending the message");
}

static void next_message(struct talk *t) {
  if (t->left > 0 && started < opt.messages) {
    t->left--;
    started++;
    say(t, MAIL, "MAIL FROM:<%s>\r\n", opt.from);
  } else {
    say(t, QUIT, "QUIT\r\n");
  }
}

static void hand_shake(struct talk *t) {
  int got = SSL_connect(t->tls);
  if (got == 1) {
    if (!tls_seen[0]) {
      snprintf(tls_seen, sizeof tls_seen, "%s %s %s", SSL_get_version(t->tls), SSL_get_cipher_name(t->tls),
               SSL_session_reused(t->tls) ? "resumed" : "full");
    }
    want_write(t, 0);
    say(t, HELLO, "EHLO %s\r\n", opt.helo);
    return;
  }
  int why = SSL_get_error(t->tls, got);
  if (why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ) {
    want_write(t, why == SSL_ERROR_WANT_WRITE);
  } else {
    lost(t, "TLS handshake failed");
  }
}

static void start_tls(struct talk *t) {
  if (t->have) die("octets behind the reply to STARTTLS");
  t->tls = SSL_new(tls_context);
  SSL_set_fd(t->tls, t->fd);
  t->step = HANDSHAKE;
  hand_shake(t);
}

// One whole reply has come; `text` is its last line.
static void answer(struct talk *t, const char *text) {
  int code = atoi(text);
  int wanted = t->step == DATA ? 3 : 2;
  if (code / 100 != wanted) {
    if (t->step > HANDSHAKE && t->step < QUIT) answered++;
    note_failure(text);
    if (failed > TRIES && failed > answered / 10) die("too many refusals; the first: %s", first_failure);
    hang_up(t);
    return;
  }
  switch (t->step) {
    case BANNER: say(t, HELLO, "EHLO %s\r\n", opt.helo); break;
    case HELLO:
      if (opt.starttls && !t->tls) say(t, STARTTLS, "STARTTLS\r\n");
      else next_message(t);
      break;
    case STARTTLS: start_tls(t); break;
    case MAIL: say(t, RCPT, "RCPT TO:<%s>\r\n", opt.to); break;
    case RCPT: say(t, DATA, "DATA\r\n"); break;
    case DATA: send_body(t); break;
    case BODY:
      last_answer = last_progress = now();
      latency[good++] = last_answer - t->body_sent;
      answered++;
      next_message(t);
      break;
    case QUIT: break;  // the server closes first (RFC 5321 §4.1.1.10)
    default: die("a reply in step %d", t->step);
  }
}

static void read_replies(struct talk *t) {
  for (;;) {
    ssize_t n;
    if (t->tls) {
      int got = SSL_read(t->tls, t->in + t->have, (int)(sizeof t->in - 1 - t->have));
      if (got <= 0) {
        int why = SSL_get_error(t->tls, got);
        if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return;
        lost(t, "connection lost");
        return;
      }
      n = got;
    } else {
      n = recv(t->fd, t->in + t->have, sizeof t->in - 1 - t->have, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) {
        lost(t, n < 0 ? strerror(errno) : "connection closed by the server");
        return;
      }
    }
    t->have += (size_t)n;
    t->in[t->have] = 0;
    char *line = t->in, *end;
    while ((end = memchr(line, '\n', t->have - (size_t)(line - t->in)))) {
      char text[REPLY_ROOM];
      snprintf(text, sizeof text, "%.*s", (int)(end - line), line);
      line = end + 1;
      if (strlen(text) >= 4 && text[3] == '-') continue;
      text[strcspn(text, "\r")] = 0;
      size_t rest = t->have - (size_t)(line - t->in);
      memmove(t->in, line, rest);
      t->have = rest;
      t->in[rest] = 0;
      line = t->in;
      enum step before = t->step;
      answer(t, text);
      if (t->fd < 0 || t->step == BANNER || t->step == HANDSHAKE || (before == STARTTLS)) return;
    }
    size_t rest = t->have - (size_t)(line - t->in);
    memmove(t->in, line, rest);
    t->have = rest;
    if (t->have >= sizeof t->in - 1) die("a reply line without end");
    if (!t->tls && (size_t)n < sizeof t->in / 2) return;
  }
}

static void make_body(void) {
  long want = opt.size - 200;  // what the header takes, about
  size_t lines = want > LINE ? (size_t)(want / LINE) : 1;
  body = malloc(lines * LINE + 8);
  for (size_t i = 0; i < lines; i++) {
    for (int k = 0; k < LINE - 2; k++) body[i * LINE + (size_t)k] = (char)('a' + (i * 7 + (size_t)k) % 26);
    memcpy(body + i * LINE + LINE - 2, "\r\n", 2);
  }
  memcpy(body + lines * LINE, ".\r\n", 3);
  body_len = lines * LINE + 3;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double share(long count, double part) {
  long at = (long)((double)count * part);
  return count ? latency[at < count ? at : count - 1] * 1000 : 0;
}

static void report(void) {
  struct rusage used;
  double seconds = last_answer - first_connect;
  getrusage(RUSAGE_SELF, &used);
  double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  qsort(latency, (size_t)good, sizeof *latency, by_size);
  for (char *p = first_failure; *p; p++)
    if (*p == '"' || *p == '\\' || (unsigned char)*p < ' ') *p = '\'';
  printf("{\"messages\": %ld, \"failed\": %ld, \"connections\": %ld, \"seconds\": %.6f, \"rate\": %.2f, "
         "\"p50_ms\": %.3f, \"p90_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, \"cpu_seconds\": %.3f, "
         "\"cpu_share\": %.3f, \"started\": %.6f, \"ended\": %.6f, \"tls\": \"%s\", \"first_failure\": \"%s\"}\n",
         good, failed, connections_made, seconds, seconds > 0 ? (double)good / seconds : 0, share(good, .5),
         share(good, .9), share(good, .99), share(good, 1), cpu, seconds > 0 ? cpu / seconds : 0, first_connect,
         last_answer, tls_seen, first_failure);
}

static void read_options(int argc, char **argv) {
  static const struct option known[] = {
      {"host", 1, 0, 'h'},       {"port", 1, 0, 'p'},     {"connections", 1, 0, 'c'}, {"per-connection", 1, 0, 'm'},
      {"messages", 1, 0, 'n'},   {"size", 1, 0, 's'},     {"starttls", 0, 0, 't'},    {"from", 1, 0, 'f'},
      {"to", 1, 0, 'r'},         {"stall", 1, 0, 'w'},    {0, 0, 0, 0}};
  for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) switch (c) {
      case 'h': opt.host = optarg; break;
      case 'p': opt.port = atoi(optarg); break;
      case 'c': opt.connections = atoi(optarg); break;
      case 'm': opt.per_connection = atoi(optarg); break;
      case 'n': opt.messages = atol(optarg); break;
      case 's': opt.size = atol(optarg); break;
      case 't': opt.starttls = 1; break;
      case 'f': opt.from = optarg; break;
      case 'r': opt.to = optarg; break;
      case 'w': opt.stall = atof(optarg); break;
      default: exit(2);
    }
  if (opt.messages < 1 || opt.connections < 1 || opt.per_connection < 1) die("nothing to do");
  if (strlen(opt.from) > 80 || strlen(opt.to) > 80) die("an address is too long");
}

int main(int argc, char **argv) {
  read_options(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  make_body();
  latency = calloc((size_t)opt.messages + 1, sizeof *latency);
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (opt.starttls) {
    tls_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(tls_context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(tls_context, SSL_VERIFY_NONE, NULL);  // the load is measured here, not the trust
    // Short lists: OpenSSL 3 looks every entry up again for each connection, and the generator must stay cheap.
    if (SSL_CTX_set1_groups_list(tls_context, "P-256") != 1 || SSL_CTX_set1_sigalgs_list(tls_context, SIGNATURES) != 1 ||
        SSL_CTX_set_ciphersuites(tls_context, "TLS_AES_256_GCM_SHA384") != 1 ||
        SSL_CTX_set_cipher_list(tls_context, "ECDHE+AESGCM") != 1)
      die("this OpenSSL cannot do what the load asks for");
  }
  struct talk *all = calloc((size_t)opt.connections, sizeof *all);
  first_connect = last_progress = now();
  for (int i = 0; i < opt.connections; i++) {
    all[i].out = malloc(HEADER_ROOM + body_len);
    all[i].fd = -1;
    if (i < opt.messages) {
      open_talks++;
      dial(&all[i]);
    }
  }
  // All answered is the end of the measurement; then every connection still says goodbye.
  while (answered < opt.messages || (open_talks > 0 && now() - last_progress < GOODBYE_SECONDS)) {
    struct epoll_event events[64];
    int n = epoll_wait(poll_fd, events, 64, 1000);
    for (int i = 0; i < n; i++) {
      struct talk *t = events[i].data.ptr;
      if (t->step == HANDSHAKE) {
        hand_shake(t);
        continue;
      }
      if ((events[i].events & EPOLLOUT) && t->fd >= 0 && flush(t) < 0) {
        lost(t, "connection lost while sending");
        continue;
      }
      if ((events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) && t->fd >= 0) read_replies(t);
    }
    if (answered < opt.messages && now() - last_progress > opt.stall) die("no answer for %.0f s; first failure: %s", opt.stall, first_failure);
  }
  report();
  return failed ? 3 : 0;
}
