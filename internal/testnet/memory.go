package testnet

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Memory is what of the node is in memory now, in bytes.
func (n *Node) Memory() (int64, error) { return n.status("VmRSS") }

// PeakMemory is the most of the node that ever was in memory, in bytes.
func (n *Node) PeakMemory() (int64, error) { return n.status("VmHWM") }

// status reads a size from what the kernel knows of the process.
func (n *Node) status(field string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	if err != nil {
		return 0, err
	}
	bytes, err := statusSize(string(text), field)
	if err != nil {
		return 0, fmt.Errorf("memory of node %s: %w", n.Name, err)
	}
	return bytes, nil
}

// statusSize is a size in the text of a /proc/PID/status (proc(5)), in bytes.
func statusSize(text, field string) (int64, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("there is no %s", field)
}
