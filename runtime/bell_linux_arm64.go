package runtime

const memfdCreate = 279 // of Linux; package syscall does not have it
