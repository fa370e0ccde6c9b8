// Package gateway is the model API as a sandbox may use it. It runs on the
// host and serves the connections that come out of a sandbox's tunnel: it lets
// through what Codex needs to think and nothing else, adds the credentials that
// the sandbox never sees, and counts what a task uses.
package gateway
