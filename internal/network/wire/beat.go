package wire

// AppendBeat appends a Beat frame to b: one message of the failure detector
// (docs/spec/members.md), whose bytes are body.
func AppendBeat(b, body []byte) []byte {
	return appendFrame(b, TypeBeat, func(b []byte) []byte { return append(b, body...) })
}
