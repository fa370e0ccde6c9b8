// Package policy turns a Request, a Config and the files in policies/ into a
// Plan with every limit resolved, or refuses it with every problem at once. It
// also decides whether a path may change and whether a command may run: the
// guard inside a sandbox and the host after it ask the same functions. It is
// pure: no files, no clock, no environment.
package policy
