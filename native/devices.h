/*
 * The descriptors that the firmware answers for, and what it says of them beforehand: requests without effect, answers that
 * depend on the argument alone, and what the next KVM_RUNs store.
 */
#ifndef SNP_CONFORM_DEVICES_H
#define SNP_CONFORM_DEVICES_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wire.h"

enum { MAX_FD = 4096, MAX_QUIET = 64, MAX_LATER = 4096, MAX_ANSWERS = 1024 };

/* What one of the next KVM_RUNs stores, if a byte of the memory is as expected then. */
struct later {
    struct later *next;
    uint32_t check_offset;
    uint8_t mask, value;
    size_t size; /* of the stores: {u32 offset, u32 size, bytes}... */
    uint8_t stores[];
};

/*
 * A descriptor that the firmware answers for: its handle there, its memory (the kvm_run pages of a vCPU), and the requests
 * that the firmware wants answered with 0 without being asked.
 */
static struct {
    uint32_t handle;
    uint8_t *memory;
    size_t size;
    uint32_t along_offset, along_size; /* of its memory: sent along with KVM_RUN */
    uint32_t quiet[MAX_QUIET];
    size_t quiet_count;
    uint32_t answered;  /* the request that is answered from the list, 0 where its argument is not in it */
    uint32_t *answers;  /* {argument, result}... */
    size_t answer_count;
    struct later *later; /* of a vCPU, whose thread alone looks at it */
    uint32_t later_count;
} device[MAX_FD];

static int is_device(int fd)
{
    return fd >= 0 && fd < MAX_FD && __atomic_load_n(&device[fd].handle, __ATOMIC_ACQUIRE) != 0;
}

static int fd_of_handle(uint32_t handle)
{
    for (int fd = 0; fd < MAX_FD; fd++)
        if (device[fd].handle == handle) return fd;
    return -1;
}

/* The memory of a handle; NULL where the range is not all inside it. */
static uint8_t *handle_memory(uint32_t handle, uint64_t offset, uint64_t size)
{
    int fd = fd_of_handle(handle);
    if (fd < 0 || device[fd].memory == NULL) return NULL;
    if (offset > device[fd].size || size > device[fd].size - offset) return NULL;
    return device[fd].memory + offset;
}

/* A new descriptor that the firmware answers for. size > 0 gives it memory that can be mapped. */
static int create_descriptor(uint32_t handle, uint64_t size, const uint8_t *along, const void *quiet, size_t quiet_bytes)
{
    int fd = memfd_create("snp-conform", MFD_CLOEXEC);
    if (fd < 0) return -1;
    if (fd >= MAX_FD || (size > 0 && ftruncate(fd, (off_t)size) < 0)) {
        syscall(SYS_close, fd);
        errno = EMFILE;
        return -1;
    }
    /* Only a vCPU's few pages are looked into; guest memory stays untouched. */
    device[fd].memory = NULL;
    device[fd].answers = NULL;
    device[fd].later = NULL;
    device[fd].later_count = 0;
    device[fd].size = size;
    if (size > 0 && size <= 65536) {
        void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory != MAP_FAILED) device[fd].memory = memory;
    }
    memcpy(&device[fd].along_offset, along, 4);
    memcpy(&device[fd].along_size, along + 4, 4);
    memcpy(device[fd].quiet, quiet, quiet_bytes);
    device[fd].quiet_count = quiet_bytes / sizeof(uint32_t);
    __atomic_store_n(&device[fd].handle, handle, __ATOMIC_RELEASE);
    return fd;
}

/* Keeps what a later KVM_RUN is to store, behind what is kept already; 0 or an errno. */
static int keep_later(int fd, const uint8_t *fields, size_t size)
{
    if (fd < 0 || device[fd].later_count == MAX_LATER) return EINVAL;
    struct later *kept = malloc(sizeof *kept + size - 10);
    if (kept == NULL) return ENOMEM;
    kept->next = NULL;
    memcpy(&kept->check_offset, fields + 4, 4);
    kept->mask = fields[8];
    kept->value = fields[9];
    kept->size = size - 10;
    memcpy(kept->stores, fields + 10, kept->size);
    struct later **end = &device[fd].later;
    while (*end != NULL) end = &(*end)->next;
    *end = kept;
    device[fd].later_count++;
    return 0;
}

static void forget_first_later(int fd)
{
    struct later *gone = device[fd].later;
    device[fd].later = gone->next;
    device[fd].later_count--;
    free(gone);
}

/* Does what is kept for this KVM_RUN: 1 when it is done; 0 when the firmware must be asked, for there is nothing or QEMU did
 * not do what was expected, and then nothing more of it holds. left: how many stores were given up. */
static int perform_later(int fd, uint32_t *left)
{
    struct later *first = device[fd].later;
    *left = device[fd].later_count;
    if (first == NULL) return 0;
    const uint8_t *seen = handle_memory(device[fd].handle, first->check_offset, 1);
    int holds = seen != NULL && (*seen & first->mask) == first->value;
    for (size_t at = 0; holds && at + 8 <= first->size;) {
        uint32_t offset, size;
        memcpy(&offset, first->stores + at, 4);
        memcpy(&size, first->stores + at + 4, 4);
        uint8_t *memory = handle_memory(device[fd].handle, offset, size);
        if (memory == NULL || size > first->size - at - 8) lost("bad LATER");
        memcpy(memory, first->stores + at + 8, size);
        at += 8 + size;
    }
    do forget_first_later(fd);
    while (!holds && device[fd].later != NULL);
    return holds;
}

/* Keeps the answers to a request: u32 request, then {u32 argument, i32 result}...; 0 or an errno. */
static int keep_answers(int fd, const uint8_t *fields, size_t size)
{
    if (fd < 0 || device[fd].answers != NULL || (size - 8) % 8 != 0 || size - 8 > MAX_ANSWERS * 8) return EINVAL;
    uint32_t *answers = malloc(size - 8 + 1);
    if (answers == NULL) return ENOMEM;
    memcpy(answers, fields + 8, size - 8);
    device[fd].answers = answers;
    device[fd].answer_count = (size - 8) / 8;
    memcpy(&device[fd].answered, fields + 4, 4);
    return 0;
}

#endif
