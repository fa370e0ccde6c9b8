package gateway

import (
	"context"
	"log/slog"
)

// Credentials say how the host logs in to the model API.
type Credentials interface {
	// Grant returns what to send with the next request. refused is the grant
	// that upstream answered with 401, nil on a first try: a renewable login is
	// then renewed, unless somebody else has done so since. If nothing better
	// is to be had, the same grant comes back. An error that the user can mend
	// is a *task.Refusal. It may be called by many requests at once.
	Grant(ctx context.Context, refused *Grant) (*Grant, error)
	// Check is Grant without side effects on the network, for pre-flight: no
	// login at all is a *task.Refusal.
	Check(ctx context.Context) error
}

// Grant is what one request to the model API is allowed with. It prints as
// nothing, so that no log or error can hold the secret by accident.
type Grant struct {
	// Secret is an API key or an access token.
	Secret string
	// AccountID is set for a ChatGPT login.
	AccountID string
	// ChatGPT says that the secret is an access token for ChatGPT's backend.
	ChatGPT bool
}

const hidden = "[redacted]"

// String hides the secret.
func (Grant) String() string { return hidden }

// GoString hides the secret.
func (Grant) GoString() string { return hidden }

// LogValue hides the secret.
func (Grant) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the secret.
func (Grant) MarshalText() ([]byte, error) { return []byte(hidden), nil }
