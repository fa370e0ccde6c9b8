// Package task holds the values that the parts of codex-mcp-runner hand to each
// other: what a client asks for (Request), what that means after policy (Plan
// and Spec), what a container is made from (Container), what came out of it
// (Exit, Evidence), and what the client is told (Result, RunResult).
//
// It has values only. It imports nothing but the standard library and does no
// I/O, so that every other package may depend on it.
package task
