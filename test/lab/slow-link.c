/*
 * A cable between two networks that delays every packet and loses some: two TUN devices with this process between them, one
 * here and one in another network namespace. Kernels without the netem queueing discipline cannot do it by themselves.
 *
 * slow-link DEVICE_HERE DEVICE_THERE NAMESPACE_FILE DELAY_MS LOSS_PER_MILLE
 *
 * It says "ready" when both devices are there, and they are gone when it ends. Which packets are lost is the same each time.
 * Source: Linux, Documentation/networking/tuntap.rst.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* Larger than a packet of a device with the usual MTU of 1500. */
#define PACKET_BYTES 2048
/* As many as are under way in either direction; what is more is lost, as in a full queue. */
#define PACKETS 4096

struct packet {
    int64_t due_us;
    ssize_t bytes;
    char data[PACKET_BYTES];
};

/* Packets under way, the oldest first: all are delayed by the same time. */
struct direction {
    int from, to;
    unsigned first, count;
    struct packet packets[PACKETS];
};

static struct direction directions[2];

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int open_device(const char *name)
{
    struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
    int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (device < 0)
        err(1, "/dev/net/tun");
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(device, TUNSETIFF, &request) < 0)
        err(1, "%s", name);
    return device;
}

/* Takes what is to be sent, and loses some of it. */
static void take(struct direction *way, int64_t delay_us, int loss_per_mille)
{
    for (;;) {
        struct packet *packet = &way->packets[(way->first + way->count) % PACKETS];
        char lost[PACKET_BYTES];
        int is_full = way->count == PACKETS;
        ssize_t bytes = read(way->from, is_full ? lost : packet->data, PACKET_BYTES);
        if (bytes <= 0)
            return;
        if (is_full || random() % 1000 < loss_per_mille)
            continue;
        packet->bytes = bytes;
        packet->due_us = now_us() + delay_us;
        way->count++;
    }
}

/* Delivers what is due. Returns when the next one is; -1: none is under way. */
static int64_t deliver(struct direction *way)
{
    while (way->count > 0) {
        struct packet *packet = &way->packets[way->first];
        int64_t left_us = packet->due_us - now_us();
        if (left_us > 0)
            return left_us;
        /* A device that is down takes nothing: what arrives there is lost, as at the end of a cable that was pulled. */
        ssize_t written = write(way->to, packet->data, packet->bytes);
        (void)written;
        way->first = (way->first + 1) % PACKETS;
        way->count--;
    }
    return -1;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        errx(2, "usage: slow-link DEVICE_HERE DEVICE_THERE NAMESPACE_FILE DELAY_MS LOSS_PER_MILLE");
    int64_t delay_us = atoll(argv[4]) * 1000;
    int loss_per_mille = atoi(argv[5]);
    /* It is of no use without the test that started it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int here = open_device(argv[1]);
    int namespace = open(argv[3], O_RDONLY | O_CLOEXEC);
    if (namespace < 0 || setns(namespace, CLONE_NEWNET) < 0)
        err(1, "%s", argv[3]);
    int there = open_device(argv[2]);
    directions[0].from = directions[1].to = here;
    directions[0].to = directions[1].from = there;
    srandom(1);
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct pollfd polled[2] = { { .fd = here, .events = POLLIN }, { .fd = there, .events = POLLIN } };
        int64_t wait_us = -1;
        for (int at = 0; at < 2; at++) {
            int64_t left_us = deliver(&directions[at]);
            if (left_us >= 0 && (wait_us < 0 || left_us < wait_us))
                wait_us = left_us;
        }
        struct timespec wait = { .tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000 };
        ppoll(polled, 2, wait_us < 0 ? NULL : &wait, NULL);
        for (int at = 0; at < 2; at++)
            take(&directions[at], delay_us, loss_per_mille);
    }
}
