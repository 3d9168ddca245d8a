package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// block is what the kernel of a virtual machine gives back to its host: a run of
// free memory of the size of a huge page (free page reporting, Linux 5.7).
const block = 2 << 20

// pages keeps free memory at hand. What a virtual machine has given back to its
// host must be got again when it is next used, which takes a second or three a
// GiB, or nothing, by chance: more than what is measured here. So of some memory
// that was used just now all is set free but one page of each block; no block is
// whole then, and none is given back.
type pages struct{ held []byte }

// renew keeps so many bytes at hand from now on, and no others. It blocks for
// seconds if they have to be got from the host.
func (p *pages) renew(bytes int64) error {
	if err := p.release(); err != nil || bytes == 0 {
		return err
	}
	data, err := unix.Mmap(-1, 0, int(bytes), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("take %d bytes of memory to keep them at hand: %w", bytes, err)
	}
	p.held = data
	err = unix.Madvise(data, unix.MADV_NOHUGEPAGE)
	size := os.Getpagesize()
	for i := 0; i < len(data); i += size {
		data[i] = 1
	}
	for i := 0; i < len(data); i += block {
		err = errors.Join(err, unix.Madvise(data[min(i+size, len(data)):min(i+block, len(data))], unix.MADV_DONTNEED))
	}
	return err
}

// release lets go of what is kept.
func (p *pages) release() error {
	if p.held == nil {
		return nil
	}
	data := p.held
	p.held = nil
	return unix.Munmap(data)
}
