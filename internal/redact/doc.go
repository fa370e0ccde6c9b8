// Package redact hides secrets in what leaves a sandbox: the known credentials
// in every form in which they are likely to appear, and whatever looks like a
// secret by the rules of policies/secrets.json. It works on streams, across
// write boundaries, with a few KiB of memory, and keeps JSON lines valid.
package redact
