package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// Where Codex itself goes, by the kind of login.
const (
	openAIBase  = "https://api.openai.com/v1"
	chatGPTBase = "https://chatgpt.com/backend-api/codex"
)

// Time limits towards upstream. A stream as a whole has none: a model may think
// for as long as the task may run.
const (
	connectTimeout = 10 * time.Second
	headerTimeout  = 120 * time.Second
	stallTimeout   = 5 * time.Minute // Codex's own stream_idle_timeout_ms
)

// ParseUpstream reads OPENAI_BASE_URL, including its /v1. Empty gives nil, the
// provider's default. What is wrong with it comes back as a *task.Refusal.
func ParseUpstream(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, nil
	}
	return parseEndpoint("OPENAI_BASE_URL", raw)
}

// parseEndpoint accepts https URLs, and http ones to this host: a credential
// never crosses a network in the clear. name is what the user would set.
func parseEndpoint(name, raw string) (*url.URL, error) {
	refuse := func(why string) error {
		return &task.Refusal{Where: name, What: why, Mend: "Set it to a URL such as https://api.openai.com/v1, or unset it."}
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil:
		return nil, refuse("The value is not a URL.") // the error would quote it, secrets included
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, refuse("The URL begins with neither https:// nor http://.")
	case u.Hostname() == "":
		return nil, refuse("The URL names no host.")
	case u.User != nil:
		return nil, refuse("The URL holds a user name or password.")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, refuse("The URL has a query or a fragment.")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, refuse("The URL is plain http to another host, and would show the API key to the network.")
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	return u, nil
}

// loopback says whether a host is this one: a literal address, or a name all of
// whose addresses are. The dialer checks again what it dials.
func loopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(ips) == 0 {
		return false
	}
	for _, ip := range ips {
		if !ip.Unmap().IsLoopback() {
			return false
		}
	}
	return true
}

var errNotLoopback = errors.New("plain http is for loopback only")

// newTransport is for requests to u, which parseEndpoint accepted; nil means
// one of the defaults. The proxies of the host's environment apply, save for
// plain http, which must not leave this host.
func newTransport(u *url.URL) *http.Transport {
	dialer := &net.Dialer{Timeout: connectTimeout}
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
	if u != nil && u.Scheme == "http" {
		t.Proxy = nil
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			if ap, err := netip.ParseAddrPort(address); err != nil || !ap.Addr().Unmap().IsLoopback() {
				return errNotLoopback
			}
			return nil
		}
	}
	return t
}

// Why we gave up on upstream.
var (
	errNoHeader = errors.New("no answer in time")
	errStalled  = errors.New("the answer stalled")
	errGone     = errors.New("the sandbox went away")
)

// plainWords says in a few words why upstream could not be had. It never
// quotes the error, which may hold URLs and headers.
func plainWords(err error, u *url.URL) string {
	var (
		dns      *net.DNSError
		verify   *tls.CertificateVerificationError
		unknown  x509.UnknownAuthorityError
		tlsError tls.RecordHeaderError
		netError net.Error
	)
	switch {
	case errors.Is(err, errNoHeader):
		return fmt.Sprintf("no answer from %s within %s", u.Host, headerTimeout)
	case errors.Is(err, errStalled):
		return fmt.Sprintf("the answer of %s stalled for %s", u.Host, stallTimeout)
	case errors.Is(err, errGone), errors.Is(err, context.Canceled):
		return "the sandbox went away"
	case errors.Is(err, errNotLoopback):
		return fmt.Sprintf("%s is not on this host, and plain http is for this host only", u.Host)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused by " + u.Host
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no route to " + u.Host
	case errors.As(err, &dns):
		return "no address found for " + dns.Name
	case errors.As(err, &verify), errors.As(err, &unknown):
		return "the certificate of " + u.Host + " is not trusted"
	case errors.As(err, &tlsError):
		return u.Host + " does not speak TLS"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &netError) && netError.Timeout():
		return "timeout with " + u.Host
	default:
		return "connection to " + u.Host + " broke"
	}
}
