/*
 * Frames between the shim and the emulated firmware: {u32 length of what follows, u8 operation, fields}, little-endian.
 * lib/firmware/relay.ts is the other end. Each thread of QEMU has a connection of its own, so that one vCPU that waits in
 * KVM_RUN holds up nobody.
 */
#ifndef SNP_CONFORM_WIRE_H
#define SNP_CONFORM_WIRE_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OP_HELLO = 1, OP_OPEN = 2, OP_IOCTL = 3, OP_INTERRUPTED = 4, OP_BYTES = 5,
       OP_PEEK = 16, OP_POKE = 17, OP_STORE = 18, OP_CREATE = 19, OP_RETURN = 20, OP_LATER = 21, OP_ANSWERS = 22 };

enum { PROTOCOL_VERSION = 2, MAX_FRAME = 1 << 20 };

static __thread int connection = -1;
static __thread uint8_t frame[MAX_FRAME];

static void lost(const char *what)
{
    fprintf(stderr, "snp-conform: emulated firmware: %s\n", what);
    _exit(125);
}

static void send_all(const void *bytes, size_t size)
{
    for (const uint8_t *at = bytes; size > 0;) {
        ssize_t sent = send(connection, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) lost("connection closed while writing");
        at += sent;
        size -= (size_t)sent;
    }
}

static void receive_all(void *bytes, size_t size)
{
    for (uint8_t *at = bytes; size > 0;) {
        ssize_t got = recv(connection, at, size, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) lost("connection closed");
        at += got;
        size -= (size_t)got;
    }
}

/* Sends one frame of an operation, fixed fields and bytes: at once, for what comes in two parts is forwarded in two. */
static void send_frame(uint8_t operation, const void *fields, size_t field_size, const void *bytes, size_t size)
{
    uint32_t length = (uint32_t)(1 + field_size + size);
    uint8_t head[64];
    size_t head_size = 5 + field_size;
    memcpy(head, &length, 4);
    head[4] = operation;
    memcpy(head + 5, fields, field_size);
    struct iovec parts[2] = { { head, head_size }, { (void *)bytes, size } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = size > 0 ? 2 : 1 };
    ssize_t sent;
    do sent = sendmsg(connection, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent <= 0) lost("connection closed while writing");
    if ((size_t)sent < head_size) {
        send_all(head + sent, head_size - (size_t)sent);
        sent = (ssize_t)head_size;
    }
    size_t done = (size_t)sent - head_size;
    if (done < size) send_all((const uint8_t *)bytes + done, size - done);
}

static uint32_t receive_frame(void)
{
    uint32_t length;
    receive_all(&length, 4);
    if (length < 1 || length > MAX_FRAME) lost("frame of impossible length");
    receive_all(frame, length);
    return length;
}

#endif
