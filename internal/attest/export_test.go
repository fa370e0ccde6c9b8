package attest

// The tests hold these against the specification.
var (
	PAE         = pae
	MaxEnvelope = maxEnvelope
)
