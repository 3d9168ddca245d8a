package main

import (
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of each block one page is kept, and all others are set free.
func TestPagesKeepsOneOfEachBlock(t *testing.T) {
	var p pages
	const blocks = 5
	for range 2 { // the second is in place of the first
		if err := p.renew(blocks * block); err != nil {
			t.Fatal(err)
		}
	}
	there := make([]byte, len(p.held)/os.Getpagesize())
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&p.held[0])), uintptr(len(p.held)), uintptr(unsafe.Pointer(&there[0]))); errno != 0 {
		t.Fatal(errno)
	}
	kept := 0
	for i, page := range there {
		if page&1 == 0 {
			continue
		}
		if kept++; i%(block/os.Getpagesize()) != 0 {
			t.Errorf("page %d is kept", i)
		}
	}
	if kept != blocks {
		t.Errorf("%d pages are kept of %d blocks", kept, blocks)
	}
	if err := p.release(); err != nil || p.held != nil {
		t.Error(err)
	}
}
