package attest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// KeyFile is the private key's name in the state root: PKCS #8 in PEM, so that
// `openssl pkey -pubout` can give the public one to somebody else.
const KeyFile = "attestation.key"

// maxKeyFile bounds the key file; a real one has 119 bytes.
const maxKeyFile = 4096

// Signer holds the private key. It is safe for concurrent use.
type Signer struct{ key ed25519.PrivateKey }

// OpenSigner reads the key in dir, the state root, and makes it on first use.
// Processes that do so at once all get the same key. A key file that is no
// regular file, that others may read, or that holds no ed25519 key is refused.
func OpenSigner(dir string) (*Signer, error) {
	key, err := readKey(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKey(dir); err != nil {
			return nil, fmt.Errorf("create the attestation key in %s: %w", dir, err)
		}
		key, err = readKey(dir)
	}
	if err != nil {
		return nil, err
	}
	return &Signer{key}, nil
}

// Public is the key to verify with.
func (s *Signer) Public() ed25519.PublicKey {
	return append(ed25519.PublicKey(nil), s.key[ed25519.SeedSize:]...)
}

// KeyID is KeyID of Public.
func (s *Signer) KeyID() string { return KeyID(s.Public()) }

// KeyID names a public key: the SHA-256 of its SubjectPublicKeyInfo in DER, which
// is what `openssl pkey -in attestation.key -pubout -outform DER | sha256sum` says.
func KeyID(key ed25519.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil { // cannot be: the type is known
		return ""
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// PublicKey reads the key in dir as OpenSigner does, but makes none.
func PublicKey(dir string) (ed25519.PublicKey, error) {
	key, err := readKey(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &task.Refusal{
			What: fmt.Sprintf("There is no attestation key %s.", filepath.Join(dir, KeyFile)),
			Mend: "The first task that is run makes it; if it was lost, what it signed cannot be verified any more.",
			Err:  err,
		}
	}
	if err != nil {
		return nil, err
	}
	return (&Signer{key}).Public(), nil
}

// createKey writes a new key beside and links it to its name: a link, unlike a
// rename, never replaces the key of a process that was faster.
func createKey(dir string) (err error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+KeyFile+".*") // 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), filepath.Join(dir, KeyFile)); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the link durable: a key that is lost in a power cut takes with
// it what it signed.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// readKey's error is fs.ErrNotExist, wrapped, if there is no file, else a refusal.
func readKey(dir string) (ed25519.PrivateKey, error) {
	path := filepath.Join(dir, KeyFile)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the attestation key: %w", err)
	}
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, refuse(path, "is no regular file but "+kind(info.Mode()), "Look who put it there, then remove it; a new key is made on the next run.")
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 && runtime.GOOS != "windows" { // where modes say nothing
		return nil, refuse(path, fmt.Sprintf("has mode %04o, so that others may have read or changed it", perm),
			"If nobody else could, chmod it to 600; else remove it, and a new key is made on the next run.")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	if opened, err := f.Stat(); err != nil || !os.SameFile(info, opened) {
		return nil, refuse(path, "was exchanged while it was read", "Look who does that, and try again.")
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile)) // what is cut off is no key
	if err != nil {
		return nil, unreadable(path, err)
	}
	key, ok := parseKey(b)
	if !ok {
		return nil, refuse(path, "holds no ed25519 key in PEM", "Put back the key that was there, or remove it, and a new one is made on the next run.")
	}
	return key, nil
}

func parseKey(b []byte) (ed25519.PrivateKey, bool) {
	block, rest := pem.Decode(b)
	if block == nil || len(rest) > 0 {
		return nil, false
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, false
	}
	key, ok := parsed.(ed25519.PrivateKey)
	return key, ok
}

func kind(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode.IsDir():
		return "a directory"
	default:
		return "a device or a pipe"
	}
}

func refuse(path, what, mend string) error {
	return &task.Refusal{What: fmt.Sprintf("The attestation key %s %s.", path, what), Mend: mend}
}

func unreadable(path string, err error) error {
	return &task.Refusal{
		What: fmt.Sprintf("The attestation key %s cannot be read: %v.", path, err),
		Mend: "Make it readable for the user that runs this, and for no other.", Err: err,
	}
}
