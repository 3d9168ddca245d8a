package cli

import "runtime/debug"

// memoryLimit is how much memory a node's Go heap may take before the garbage
// collector works harder, in bytes. With what else a process has (the program
// itself, stacks, SQLite's page cache) it keeps a node that moves files below
// 150 MiB resident, and it is no hard bound.
const memoryLimit = 112 << 20

// limitMemory applies memoryLimit, unless GOMEMLIMIT says otherwise.
func limitMemory(getenv func(string) string) {
	if getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
