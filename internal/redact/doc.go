// Package redact hides secrets in what leaves a sandbox: the known credentials
// in every form in which they are likely to appear, and whatever looks like a
// secret. It works on streams by the rules of policies/secrets.json, across
// write boundaries, with a few KiB of memory, and keeps JSON lines valid. In a
// text that is there as a whole, such as a patch, it also finds what the many
// rules of policies/gitleaks.toml find, which need to see what follows.
package redact
