package wire

// AppendFrame appends a frame whose body is given: those of the join protocol,
// which docs/spec/roster.md describes.
func AppendFrame(b []byte, t Type, body []byte) []byte {
	return appendFrame(b, t, func(b []byte) []byte { return append(b, body...) })
}
