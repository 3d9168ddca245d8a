package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"shoal/internal/testnet"
)

// processorTime is how long the processor has worked for a few nodes since
// they were started: that others use the machine too does not change it much.
func processorTime(nodes ...*testnet.Node) (total time.Duration, err error) {
	for _, node := range nodes {
		text, readErr := os.ReadFile(fmt.Sprintf("/proc/%d/stat", node.PID()))
		spent, parseErr := processorTimeIn(string(text))
		total, err = total+spent, errors.Join(err, readErr, parseErr)
	}
	return total, err
}

// processorTimeIn reads the times in user and system mode, the 14th and 15th
// field of proc_pid_stat(5). The second may have spaces in it, and ends with
// the last parenthesis.
func processorTimeIn(stat string) (time.Duration, error) {
	const tick = time.Second / 100 // USER_HZ, the same on every Linux that Go runs on
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("%q is no line of times", stat)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(err, err2)
}
