// Package codex knows the Codex CLI's faces, and nothing else of the house does:
// the argv, files and prompt that it is started with, the JSONL that it prints,
// the hook that it asks before it acts, and the models that it was built for.
//
// What comes out of Codex comes out of a sandbox. Reading it never fails and
// never panics, whatever it is.
package codex

// Version is the Codex CLI that this package was written and measured against.
const Version = "0.169.0"
