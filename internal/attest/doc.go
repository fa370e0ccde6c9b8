// Package attest says what came of a task so that it can be checked later: an
// in-toto Statement v1 about task.patch, in a DSSE envelope, signed with an
// ed25519 key of this account. An envelope has one form only: to change any
// byte of it, or of the patch, makes Verify fail.
//
// DSSE is done by hand: the reference library (a dependency of the tests alone)
// is well kept, but lenient where we are strict, and its verifier can write to stdout.
package attest
