package sandbox

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// trustStore says where a host keeps the certificates that it trusts.
type trustStore struct {
	// files are PEM bundles; those that are not there are passed over.
	files []string
	// shipped are patterns of files with what the distribution ships of Mozilla's
	// list. An old list has certificates that Mozilla has dropped since, and
	// those are not the host's own.
	shipped []string
}

// hostTrust is this host's store. Where the system keeps certificates in no file,
// as macOS does, the environment can name one.
func hostTrust(getenv func(string) string) trustStore {
	s := trustStore{
		files: []string{
			"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Arch, Alpine
			"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
			"/etc/pki/tls/certs/ca-bundle.crt",                  // the same, older
			"/etc/ssl/ca-bundle.pem",                            // openSUSE
			"/etc/ssl/cert.pem",                                 // Alpine, macOS
		},
		shipped: []string{
			"/usr/share/ca-certificates/mozilla/*.crt",
			"/usr/share/pki/ca-trust-source/*.p11-kit",
			"/usr/share/pki/trust/*.p11-kit",
		},
	}
	for _, name := range []string{"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"} {
		if f := getenv(name); f != "" {
			s.files = append(s.files, f)
		}
	}
	return s
}

// extra returns the certificates that the host trusts beyond Mozilla's list and
// what its distribution ships: those of a proxy that inspects TLS, say. PEM, one
// each, in a fixed order. What has expired or cannot be parsed is left out.
func (s trustStore) extra(now time.Time) [][]byte {
	known := map[string]bool{}
	for root := range bundle.Roots() {
		known[string(root.Certificate)] = true
	}
	for _, pattern := range s.shipped {
		names, _ := filepath.Glob(pattern) // the patterns are well formed
		for _, name := range names {
			for _, der := range certificates(name) {
				known[string(der)] = true
			}
		}
	}
	var found [][]byte
	for _, name := range s.files {
		for _, der := range certificates(name) {
			c, err := x509.ParseCertificate(der)
			if err != nil || now.After(c.NotAfter) || known[string(der)] {
				continue
			}
			known[string(der)] = true
			found = append(found, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		}
	}
	slices.SortFunc(found, bytes.Compare)
	return found
}

// certificates returns what a PEM file holds, in DER; none if it cannot be read.
func certificates(file string) [][]byte {
	rest, err := os.ReadFile(file) // the host's own trust store
	if err != nil {
		return nil
	}
	var all [][]byte
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return all
		}
		if block.Type == "CERTIFICATE" {
			all = append(all, block.Bytes)
		}
	}
}

// digestOf names a list of certificates in a label; "none" if it is empty.
func digestOf(certs [][]byte) string {
	if len(certs) == 0 {
		return "none"
	}
	sum := sha256.Sum256(bytes.Join(certs, nil))
	return hex.EncodeToString(sum[:])
}
