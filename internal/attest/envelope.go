package attest

import (
	"crypto/ed25519"
	"crypto/subtle"
	"errors"
	"fmt"
)

// PayloadType says that an envelope holds an in-toto statement.
const PayloadType = "application/vnd.in-toto+json"

// maxEnvelope bounds what is read; a real one has 2 KiB.
const maxEnvelope = 1 << 20

// What can be wrong with an attestation. A file that was edited by hand is
// mostly ErrMalformed, one that was forged ErrBadSignature or ErrUnknownKey.
var (
	// ErrMalformed: not an envelope and a statement as Sign writes them.
	ErrMalformed = errors.New("the attestation is malformed")
	// ErrUnknownKey: signed with a key that is not among the given ones.
	ErrUnknownKey = errors.New("the attestation was signed with another key")
	// ErrBadSignature: the key did not sign this statement.
	ErrBadSignature = errors.New("the attestation's signature is wrong")
	// ErrDigestMismatch: the statement is genuine and about another patch.
	ErrDigestMismatch = errors.New("the patch is not the one that was attested")
)

// envelope is DSSE's JSON envelope (secure-systems-lab/dsse, envelope.md).
type envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     []byte      `json:"payload"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// pae is DSSE's pre-authentication encoding: what is signed. The lengths keep
// the type and the body apart.
func pae(payloadType string, body []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(body), body)
}

// Sign attests an outcome. It returns a DSSE envelope as one line of JSON.
func (s *Signer) Sign(o Outcome) ([]byte, error) {
	st, err := o.statement()
	if err != nil {
		return nil, err
	}
	body, err := encode(st)
	if err != nil {
		return nil, fmt.Errorf("encode the statement about task %s: %w", o.Spec.ID, err)
	}
	b, err := encode(envelope{
		PayloadType: PayloadType, Payload: body,
		Signatures: []signature{{KeyID: s.KeyID(), Sig: ed25519.Sign(s.key, pae(PayloadType, body))}},
	})
	if err != nil {
		return nil, fmt.Errorf("encode the attestation of task %s: %w", o.Spec.ID, err)
	}
	b = append(b, '\n')
	if len(b) > maxEnvelope {
		return nil, fmt.Errorf("attest task %s: the attestation would have %d bytes, more than the %d that are read back", o.Spec.ID, len(b), maxEnvelope)
	}
	return b, nil
}

// Verify checks that one of the keys signed the envelope and that it is about
// this patch, and gives what it says. The errors are those above, wrapped; with
// ErrDigestMismatch the statement comes along. The caller compares what the
// statement says with what it should be about: a genuine attestation of another
// task with the same patch passes here.
func Verify(attestation, patch []byte, keys ...ed25519.PublicKey) (Statement, error) {
	body, err := open(attestation, keys)
	if err != nil {
		return Statement{}, err
	}
	st, err := decode[Statement](body)
	if err != nil {
		return Statement{}, fmt.Errorf("%w: its statement: %w", ErrMalformed, err)
	}
	if st.Type != StatementType || st.PredicateType != PredicateType {
		return Statement{}, fmt.Errorf("%w: it holds a %.100q of type %.100q", ErrMalformed, st.PredicateType, st.Type)
	}
	if len(st.Subject) != 1 || st.Subject[0].Name != SubjectName || len(st.Subject[0].Digest) != 1 {
		return Statement{}, fmt.Errorf("%w: its subject is not %s with one digest", ErrMalformed, SubjectName)
	}
	want := Describe(SubjectName, patch).Digest["sha256"]
	if subtle.ConstantTimeCompare([]byte(st.Subject[0].Digest["sha256"]), []byte(want)) != 1 {
		return st, fmt.Errorf("%w: it has the digest %s, not %s", ErrDigestMismatch, want, st.Subject[0].Digest["sha256"])
	}
	return st, nil
}

// open gives the body of an envelope that one of the keys signed.
func open(attestation []byte, keys []ed25519.PublicKey) ([]byte, error) {
	if len(attestation) > maxEnvelope {
		return nil, fmt.Errorf("%w: it has %d bytes, more than %d", ErrMalformed, len(attestation), maxEnvelope)
	}
	line, ended := cutNewline(attestation)
	if !ended {
		return nil, fmt.Errorf("%w: it does not end with a line end", ErrMalformed)
	}
	e, err := decode[envelope](line)
	if err != nil {
		return nil, fmt.Errorf("%w: its envelope: %w", ErrMalformed, err)
	}
	if e.PayloadType != PayloadType {
		return nil, fmt.Errorf("%w: its payload type is %.100q", ErrMalformed, e.PayloadType)
	}
	if len(e.Signatures) != 1 {
		return nil, fmt.Errorf("%w: it has %d signatures, not one", ErrMalformed, len(e.Signatures))
	}
	sig := e.Signatures[0]
	for _, key := range keys {
		if KeyID(key) != sig.KeyID {
			continue
		}
		if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, pae(e.PayloadType, e.Payload), sig.Sig) {
			return nil, ErrBadSignature
		}
		return e.Payload, nil
	}
	return nil, fmt.Errorf("%w: %.64q", ErrUnknownKey, sig.KeyID)
}

func cutNewline(b []byte) ([]byte, bool) {
	n := len(b) - 1
	if n < 0 || b[n] != '\n' {
		return nil, false
	}
	return b[:n], true
}
