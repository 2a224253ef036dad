// SPDX-License-Identifier: Apache-2.0
// The benchmark's receiving end: an SMTP server that takes every message, counts it and forgets it. One thread,
// epoll; with a certificate it offers STARTTLS. It prints {"count": N, "at": monotonic seconds} when the number of
// messages reaches each --mark, and ends after the last one, with its own CPU time.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { IN_ROOM = 65536, OUT_ROOM = 65536, MARKS = 8, GRACE_SECONDS = 2 };

struct guest {
  int fd, in_data, want_write, closing, handshaking, start_tls;
  int tail;  // how much of CRLF . CRLF has been seen, 0..5
  SSL *tls;
  size_t have, out_len, out_done;
  char in[IN_ROOM], out[OUT_ROOM];
};

static int poll_fd, listener;
static SSL_CTX *tls_context;
static long count, full_handshakes, resumed, marks[MARKS];
static int mark_count, mark_next;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what) {
  fprintf(stderr, "sink: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void drop(struct guest *g) {
  if (g->tls) {
    SSL_shutdown(g->tls);
    ERR_clear_error();
    SSL_free(g->tls);
  }
  close(g->fd);
  free(g);
}

static void want_write(struct guest *g, int yes) {
  struct epoll_event event = {.events = EPOLLIN | (yes ? EPOLLOUT : 0), .data.ptr = g};
  if (g->want_write == yes) return;
  g->want_write = yes;
  if (epoll_ctl(poll_fd, EPOLL_CTL_MOD, g->fd, &event) < 0) die("epoll_ctl");
}

static int flush(struct guest *g) {
  while (g->out_done < g->out_len) {
    ssize_t n;
    if (g->tls) {
      int got = SSL_write(g->tls, g->out + g->out_done, (int)(g->out_len - g->out_done));
      if (got <= 0) {
        int why = SSL_get_error(g->tls, got);
        if (why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ) return -1;
        want_write(g, 1);
        return 0;
      }
      n = got;
    } else {
      n = send(g->fd, g->out + g->out_done, g->out_len - g->out_done, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        if (errno != EAGAIN) return -1;
        want_write(g, 1);
        return 0;
      }
    }
    g->out_done += (size_t)n;
  }
  g->out_len = g->out_done = 0;
  want_write(g, 0);
  return g->closing ? -1 : 0;
}

static void say(struct guest *g, const char *text) {
  size_t n = strlen(text);
  if (g->out_len + n > sizeof g->out) {
    g->closing = 1;  // it sends and never reads
    return;
  }
  memcpy(g->out + g->out_len, text, n);
  g->out_len += n;
}

static void counted(void) {
  count++;
  if (mark_next < mark_count && count >= marks[mark_next]) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("{\"count\": %ld, \"at\": %.6f, \"full_handshakes\": %ld, \"resumed\": %ld, \"cpu_seconds\": %.3f}\n", count, now(),
           full_handshakes, resumed,
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    fflush(stdout);
    mark_next++;
  }
}

static int is(const char *line, const char *word) { return strncasecmp(line, word, strlen(word)) == 0; }

static void command(struct guest *g, const char *line) {
  if (is(line, "EHLO")) {
    say(g, "250-sink.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n");
    if (tls_context && !g->tls) say(g, "250-STARTTLS\r\n");
    say(g, "250 ENHANCEDSTATUSCODES\r\n");
  } else if (is(line, "HELO")) {
    say(g, "250 sink.example\r\n");
  } else if (is(line, "MAIL")) {
    say(g, "250 2.1.0 Ok\r\n");
  } else if (is(line, "RCPT")) {
    say(g, "250 2.1.5 Ok\r\n");
  } else if (is(line, "RSET") || is(line, "NOOP")) {
    say(g, "250 2.0.0 Ok\r\n");
  } else if (is(line, "DATA")) {
    say(g, "354 go on\r\n");
    g->in_data = 1;
    g->tail = 2;  // an empty message begins with the dot
  } else if (is(line, "STARTTLS") && tls_context && !g->tls) {
    say(g, "220 2.0.0 go on\r\n");
    g->start_tls = 1;
  } else if (is(line, "QUIT")) {
    say(g, "221 2.0.0 bye\r\n");
    g->closing = 1;
  } else {
    say(g, "500 5.5.2 what?\r\n");
  }
}

// Eats body octets up to and with CRLF.CRLF; returns how many were eaten.
static size_t eat_data(struct guest *g, const char *data, size_t n) {
  static const char end[] = "\r\n.\r\n";
  size_t at = 0;
  while (at < n) {
    if (g->tail == 0) {
      const char *cr = memchr(data + at, '\r', n - at);
      if (!cr) return n;
      at = (size_t)(cr - data) + 1;
      g->tail = 1;
      continue;
    }
    char c = data[at++];
    if (c == end[g->tail]) {
      if (++g->tail == 5) {
        g->in_data = 0;
        counted();
        say(g, "250 2.0.0 Ok: taken\r\n");
        return at;
      }
    } else {
      g->tail = c == '\r' ? 1 : 0;
    }
  }
  return at;
}

static void work(struct guest *g) {
  size_t at = 0;
  while (at < g->have && !g->closing && !g->start_tls) {
    if (g->in_data) {
      at += eat_data(g, g->in + at, g->have - at);
      continue;
    }
    char *end = memchr(g->in + at, '\n', g->have - at);
    if (!end) break;
    *end = 0;
    command(g, g->in + at);
    at = (size_t)(end - g->in) + 1;
  }
  memmove(g->in, g->in + at, g->have - at);
  g->have -= at;
  if (g->have >= sizeof g->in) g->closing = 1;
}

static int hand_shake(struct guest *g) {
  int got = SSL_accept(g->tls);
  if (got == 1) {
    g->handshaking = 0;
    want_write(g, 0);
    if (SSL_session_reused(g->tls)) resumed++;
    else full_handshakes++;
    return 0;
  }
  int why = SSL_get_error(g->tls, got);
  if (why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ) return -1;
  want_write(g, why == SSL_ERROR_WANT_WRITE);
  return 0;
}

// 0: go on, -1: the guest is gone.
static int serve(struct guest *g, unsigned events) {
  if (g->handshaking) {
    if (hand_shake(g) < 0) return -1;
    if (g->handshaking) return 0;
  }
  if ((events & EPOLLOUT) && flush(g) < 0) return -1;
  for (;;) {
    ssize_t n;
    if (g->tls) {
      int got = SSL_read(g->tls, g->in + g->have, (int)(sizeof g->in - g->have));
      if (got <= 0) {
        int why = SSL_get_error(g->tls, got);
        if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return 0;
        return -1;
      }
      n = got;
    } else {
      n = recv(g->fd, g->in + g->have, sizeof g->in - g->have, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return 0;
      if (n <= 0) return -1;
    }
    g->have += (size_t)n;
    work(g);
    if (g->out_len && flush(g) < 0) return -1;
    if (g->start_tls) {
      if (g->have || g->out_len) return -1;  // octets behind STARTTLS
      g->start_tls = 0;
      g->tls = SSL_new(tls_context);
      SSL_set_fd(g->tls, g->fd);
      g->handshaking = 1;
      return hand_shake(g);
    }
  }
}

static void welcome(void) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct guest *g = malloc(sizeof *g);
    memset(g, 0, offsetof(struct guest, in));
    g->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = g};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
    say(g, "220 sink.example ESMTP\r\n");
    if (flush(g) < 0) drop(g);
  }
}

static void make_tls(const char *certificate, const char *key) {
  tls_context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_use_certificate_chain_file(tls_context, certificate) != 1 ||
      SSL_CTX_use_PrivateKey_file(tls_context, key, SSL_FILETYPE_PEM) != 1) {
    ERR_print_errors_fp(stderr);
    exit(1);
  }
}

int main(int argc, char **argv) {
  static const struct option known[] = {{"port", 1, 0, 'p'}, {"mark", 1, 0, 'm'}, {"certificate", 1, 0, 'c'}, {"key", 1, 0, 'k'}, {0, 0, 0, 0}};
  const char *certificate = NULL, *key = NULL;
  int port = 0, on = 1;
  for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) switch (c) {
      case 'p': port = atoi(optarg); break;
      case 'm': if (mark_count < MARKS) marks[mark_count++] = atol(optarg); break;
      case 'c': certificate = optarg; break;
      case 'k': key = optarg; break;
      default: exit(2);
    }
  signal(SIGPIPE, SIG_IGN);
  if (certificate && key) make_tls(certificate, key);
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&here, sizeof here) < 0) die("bind");
  if (listen(listener, 1024) < 0) die("listen");
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event) < 0) die("epoll_ctl");
  double done_at = 0;
  while (!done_at || now() - done_at < GRACE_SECONDS) {
    struct epoll_event events[64];
    int n = epoll_wait(poll_fd, events, 64, done_at ? 100 : -1);
    for (int i = 0; i < n; i++) {
      struct guest *g = events[i].data.ptr;
      if (!g) welcome();
      else if (serve(g, events[i].events) < 0) drop(g);
    }
    if (mark_count && mark_next == mark_count && !done_at) done_at = now();
  }
  return 0;
}
