/*
 * Preloaded into QEMU, this answers for /dev/kvm and /dev/sev where there is no SEV-SNP hardware. It is a relay: every
 * open and ioctl on those devices goes to the emulated firmware over the Unix socket that SNP_CONFORM_FIRMWARE names,
 * which may read and write this process's memory through it. It knows two things of KVM only: that KVM_RUN must end on
 * a signal, and where QEMU says so (kvm_run.immediate_exit). What the firmware can say beforehand it says beforehand, for
 * each call is a round trip to another machine: requests without effect, answers that depend on the argument alone, and what
 * the next KVM_RUNs store into kvm_run, as long as what QEMU put there is what the firmware expects.
 *
 * wire.h has the frames that go to and fro, devices.h the descriptors.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "devices.h"
#include "wire.h"

/* How long to wait for the firmware to listen, in all, and between two looks. */
enum { LISTEN_SECONDS = 30, LISTEN_LOOK_US = 2000 };

/* This process's memory by address; 0 or an errno. A bad address must not fault. */
static int copy_memory(uint64_t address, void *local, size_t size, int writing)
{
    struct iovec mine = { local, size }, theirs = { (void *)(uintptr_t)address, size };
    ssize_t done = writing ? process_vm_writev(getpid(), &mine, 1, &theirs, 1, 0)
                           : process_vm_readv(getpid(), &mine, 1, &theirs, 1, 0);
    return done == (ssize_t)size ? 0 : done < 0 ? errno : EFAULT;
}

static void send_bytes(int32_t error, const void *bytes, size_t size)
{
    send_frame(OP_BYTES, &error, sizeof error, bytes, error ? 0 : size);
}

/* Waits for the next frame; tells the firmware once if QEMU wants this vCPU out of KVM_RUN. */
static void wait_for_frame(const sigset_t *callers_mask, const struct kvm_run *run)
{
    int told = 0;
    for (;;) {
        if (!told && run->immediate_exit) {
            send_frame(OP_INTERRUPTED, "", 0, NULL, 0);
            told = 1;
        }
        struct pollfd readable = { .fd = connection, .events = POLLIN };
        if (ppoll(&readable, 1, NULL, told ? NULL : callers_mask) > 0) return;
        if (errno != EINTR) lost("poll failed");
    }
}

/* Serves the firmware's wishes until it says what the call returns. run: set only for KVM_RUN. */
static long serve(const sigset_t *callers_mask, const struct kvm_run *run)
{
    int created = -1, failed = 0;
    for (;;) {
        if (run != NULL) wait_for_frame(callers_mask, run);
        uint32_t length = receive_frame();
        uint8_t *fields = frame + 1;
        uint32_t handle;
        uint64_t address, size;
        switch (frame[0]) {
        case OP_PEEK: { /* u64 address, u64 size */
            if (length != 17) lost("bad PEEK");
            memcpy(&address, fields, 8);
            memcpy(&size, fields + 8, 8);
            if (size > MAX_FRAME) lost("PEEK too large");
            int error = copy_memory(address, frame, size, 0);
            send_bytes(error, frame, size);
            break;
        }
        case OP_POKE: { /* u64 address, bytes */
            if (length < 9) lost("bad POKE");
            memcpy(&address, fields, 8);
            int error = copy_memory(address, fields + 8, length - 9, 1);
            if (error) failed = error;
            break;
        }
        case OP_STORE: { /* u32 handle, u64 offset, bytes */
            if (length < 13) lost("bad STORE");
            memcpy(&handle, fields, 4);
            memcpy(&address, fields + 4, 8);
            uint8_t *memory = handle_memory(handle, address, length - 13);
            if (memory == NULL) failed = EFAULT;
            else memcpy(memory, fields + 12, length - 13);
            break;
        }
        case OP_CREATE: /* u32 handle, u64 size, u32 offset and size of what comes along, u32 quiet requests... */
            if (length < 21 || length - 21 > sizeof device[0].quiet) lost("bad CREATE");
            memcpy(&handle, fields, 4);
            memcpy(&size, fields + 4, 8);
            created = create_descriptor(handle, size, fields + 12, fields + 20, length - 21);
            if (created < 0) failed = errno;
            break;
        case OP_LATER: { /* u32 handle, u32 offset of the byte that is checked, u8 mask, u8 value, stores */
            if (length < 11) lost("bad LATER");
            memcpy(&handle, fields, 4);
            int error = keep_later(fd_of_handle(handle), fields, length - 1);
            if (error) failed = error;
            break;
        }
        case OP_ANSWERS: { /* u32 handle, u32 request, {u32 argument, i32 result}... */
            if (length < 9) lost("bad ANSWERS");
            memcpy(&handle, fields, 4);
            int error = keep_answers(fd_of_handle(handle), fields, length - 1);
            if (error) failed = error;
            break;
        }
        case OP_RETURN: { /* i64 result, i32 errno */
            if (length != 13) lost("bad RETURN");
            int64_t result;
            int32_t error;
            memcpy(&result, fields, 8);
            memcpy(&error, fields + 8, 4);
            if (failed != 0) error = failed;
            if (error != 0) {
                errno = error;
                return -1;
            }
            return created >= 0 ? created : (long)result;
        }
        default:
            lost("unknown operation");
        }
    }
}

static void connect_thread(void)
{
    if (connection >= 0) return;
    const char *path = getenv("SNP_CONFORM_FIRMWARE");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (path == NULL || strlen(path) >= sizeof address.sun_path) lost("SNP_CONFORM_FIRMWARE is not a usable path");
    strcpy(address.sun_path, path);
    connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0) lost(strerror(errno));
    /* QEMU starts while the firmware still opens its socket. */
    for (int looks = 0; connect(connection, (struct sockaddr *)&address, sizeof address) < 0; looks++) {
        int early = errno == ENOENT || errno == ECONNREFUSED;
        if (!early || looks > LISTEN_SECONDS * (1000000 / LISTEN_LOOK_US)) lost(strerror(errno));
        usleep(LISTEN_LOOK_US);
    }
    uint32_t hello[3] = { PROTOCOL_VERSION, (uint32_t)getpid(), (uint32_t)syscall(SYS_gettid) };
    send_frame(OP_HELLO, hello, sizeof hello, NULL, 0);
}

static long call(uint8_t operation, const void *fields, size_t field_size, const void *bytes, size_t size,
                 const struct kvm_run *run)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    connect_thread();
    send_frame(operation, fields, field_size, bytes, size);
    long result = serve(&before, run);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return result;
}

static int relayed_path(const char *path)
{
    return getenv("SNP_CONFORM_FIRMWARE") != NULL && (!strcmp(path, "/dev/kvm") || !strcmp(path, "/dev/sev"));
}

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
    if (!relayed_path(path)) return (int)syscall(SYS_openat, folder, path, flags | O_LARGEFILE, mode);
    return (int)call(OP_OPEN, "", 0, path, strlen(path), NULL);
}

#define MODE_OF(flags)                                              \
    mode_t mode = 0;                                                \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                          \
        va_list more;                                               \
        va_start(more, flags);                                      \
        mode = va_arg(more, mode_t);                                \
        va_end(more);                                               \
    }

int open(const char *path, int flags, ...) { MODE_OF(flags) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE_OF(flags) return open_at(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE_OF(flags) return open_at(folder, path, flags, mode); }
int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }

int close(int fd)
{
    if (is_device(fd)) {
        if (device[fd].memory != NULL) munmap(device[fd].memory, device[fd].size);
        device[fd].memory = NULL;
        while (device[fd].later != NULL) forget_first_later(fd);
        free(device[fd].answers);
        device[fd].answers = NULL;
        device[fd].answered = 0;
        __atomic_store_n(&device[fd].handle, 0, __ATOMIC_RELEASE);
    }
    return (int)syscall(SYS_close, fd);
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list more;
    va_start(more, request);
    uint64_t argument = va_arg(more, unsigned long);
    va_end(more);
    if (!is_device(fd)) return (int)syscall(SYS_ioctl, fd, request, argument);
    for (size_t i = 0; i < device[fd].quiet_count; i++)
        if (device[fd].quiet[i] == (uint32_t)request) return 0;
    if (device[fd].answers != NULL && device[fd].answered == (uint32_t)request) {
        for (size_t i = 0; i < device[fd].answer_count; i++)
            if (device[fd].answers[2 * i] == argument) return (int)device[fd].answers[2 * i + 1];
        return 0;
    }

    const struct kvm_run *run = request == KVM_RUN ? (const struct kvm_run *)device[fd].memory : NULL;
    if (run != NULL && run->immediate_exit) {
        errno = EINTR;
        return -1;
    }
    /* What the request itself says it reads goes along, which saves most calls a round trip. */
    static __thread uint8_t input[1 << 14];
    size_t size = (_IOC_DIR(request) & _IOC_WRITE) ? _IOC_SIZE(request) : 0;
    if (size > 0 && copy_memory(argument, input, size, 0) != 0) size = 0;
    const void *bytes = input;
    if (run != NULL) {
        uint32_t left;
        if (perform_later(fd, &left)) return 0;
        size = device[fd].along_size;
        const uint8_t *along = handle_memory(device[fd].handle, device[fd].along_offset, size);
        if (along == NULL || size + sizeof left > sizeof input) lost("KVM_RUN without memory");
        memcpy(input, along, size);
        memcpy(input + size, &left, sizeof left);
        size += sizeof left;
    }
    struct { uint32_t handle; uint64_t request, argument; } __attribute__((packed)) fields =
        { device[fd].handle, request, argument };
    return (int)call(OP_IOCTL, &fields, sizeof fields, bytes, size, run);
}
