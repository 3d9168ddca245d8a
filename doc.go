// Package shoal is the vocabulary of Shoal: the names, identifiers, errors and
// the Node interface that every other package speaks. It holds no I/O, no
// goroutine and no state, and imports the standard library alone.
//
// A file goes in at any node, is cut into chunks, and is fetched from many
// nodes at once with every byte verified. The words used here are defined in
// ARCHITECTURE.md; the packages that give them life are below internal/.
package shoal
