package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// newCA makes a certificate that ends at a time, in PEM.
func newCA(t *testing.T, name string, until time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: until.Add(-10 * 365 * 24 * time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// subjects names what a list of certificates is for.
func subjects(t *testing.T, certs [][]byte) map[string]int {
	t.Helper()
	got := map[string]int{}
	for _, c := range certs {
		block, rest := pem.Decode(c)
		if block == nil || len(rest) > 0 {
			t.Fatalf("not one certificate: %q", c)
		}
		x, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		got[x.Subject.CommonName]++
	}
	return got
}

func TestExtraCertificatesAreTheHostsOwn(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	later := now.AddDate(1, 0, 0)
	dir := t.TempDir()
	file := func(name, content string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	var mozilla string
	for root := range bundle.Roots() {
		mozilla += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
	}
	dropped, proxy := newCA(t, "dropped by Mozilla", later), newCA(t, "proxy", later)
	broken := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no certificate")}))
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}))

	plain := trustStore{files: []string{file("plain.pem", mozilla+dropped)}, shipped: []string{filepath.Join(dir, "*.crt")}}
	file("dropped.crt", dropped)
	if got := plain.extra(now); got != nil {
		t.Errorf("a host that trusts what everybody trusts has extra certificates: %v", subjects(t, got))
	}

	inspected := trustStore{
		files: []string{
			file("bundle.pem", "# comment\n"+mozilla+proxy+dropped+newCA(t, "expired", now.AddDate(0, 0, -1))+broken+key),
			file("node.pem", proxy+newCA(t, "for node", later)),
			filepath.Join(dir, "missing.pem"),
		},
		shipped: plain.shipped,
	}
	got := inspected.extra(now)
	if d := cmp.Diff(map[string]int{"proxy": 1, "for node": 1}, subjects(t, got)); d != "" {
		t.Error(d)
	}
	if digestOf(got) == digestOf(nil) || digestOf(got) != digestOf(inspected.extra(now)) {
		t.Error("the digest does not tell lists apart, or is not stable")
	}
}

func TestEnvironmentNamesMoreFiles(t *testing.T) {
	env := map[string]string{"NODE_EXTRA_CA_CERTS": "/a.pem", "SSL_CERT_FILE": "/b.pem"}
	with, without := hostTrust(func(k string) string { return env[k] }), hostTrust(func(string) string { return "" })
	if d := cmp.Diff(append(without.files, "/b.pem", "/a.pem"), with.files); d != "" {
		t.Error(d)
	}
}
