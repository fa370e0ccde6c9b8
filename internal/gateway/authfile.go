package gateway

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// authFile is the auth.json of "codex login". Fields that we do not know are
// kept when it is written back.
type authFile struct {
	path string
	// top and tokens are the file's members as they stood.
	top, tokens map[string]json.RawMessage

	apiKey                   string
	access, refresh, account string
	// chatGPT: the tokens are in use, not the API key.
	chatGPT bool
}

const mendLogin = `Set CODEX_API_KEY or run "codex login".`

// maxAuthFile bounds auth.json; a real one has some 4 KiB.
const maxAuthFile = 1 << 20

// readAuthFile returns a *task.Refusal for whatever the user can mend.
func readAuthFile(path string) (*authFile, error) {
	data, err := readRegular(path)
	if err != nil {
		return nil, err
	}
	bad := func(err error) error {
		// The cause is left out of the text on purpose: it can quote the file.
		return &task.Refusal{What: fmt.Sprintf("The login in %s cannot be understood.", path), Mend: `Run "codex login" again, or set CODEX_API_KEY.`, Err: err}
	}
	a := &authFile{path: path}
	if err := json.Unmarshal(data, &a.top); err != nil {
		return nil, bad(errors.New("the file is not a JSON object"))
	}
	var mode string
	for _, f := range []struct {
		from map[string]json.RawMessage
		name string
		to   any
	}{{a.top, "auth_mode", &mode}, {a.top, "OPENAI_API_KEY", &a.apiKey}, {a.top, "tokens", &a.tokens}} {
		if err := decodeField(f.from, f.name, f.to); err != nil {
			return nil, bad(err)
		}
	}
	for name, to := range map[string]*string{"access_token": &a.access, "refresh_token": &a.refresh, "account_id": &a.account} {
		if err := decodeField(a.tokens, name, to); err != nil {
			return nil, bad(err)
		}
	}
	a.chatGPT = mode == "chatgpt" || mode == "" && a.apiKey == ""
	switch {
	case mode != "" && mode != "chatgpt" && !strings.EqualFold(mode, "apikey"):
		return nil, &task.Refusal{What: fmt.Sprintf("%s holds a login of the kind %s, which the gateway cannot use.", path, quote(mode)), Mend: mendLogin}
	case a.chatGPT && a.access == "", !a.chatGPT && a.apiKey == "":
		return nil, &task.Refusal{What: fmt.Sprintf("%s holds no login.", path), Mend: mendLogin}
	case !a.chatGPT:
		a.apiKey, err = headerSafe(a.apiKey, path)
	default:
		a.access, err = headerSafe(a.access, path)
		if err == nil && a.account != "" {
			a.account, err = headerSafe(a.account, path)
		}
	}
	return a, err
}

// decodeField decodes one member, if it is there and not null.
func decodeField(from map[string]json.RawMessage, name string, to any) error {
	raw, ok := from[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return fmt.Errorf("the field %q has the wrong type", name)
	}
	return nil
}

// readRegular reads a file that is no symlink: auth.json is written back with a
// rename, which would replace a link and leave its target stale. It asks of the
// open file what it is, since another process may replace it at any moment, and
// does not wait for the other end of a pipe.
func readRegular(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &task.Refusal{What: "There is no login for the model API.", Mend: mendLogin, Err: err}
	case errors.Is(err, syscall.ELOOP):
		return nil, &task.Refusal{What: fmt.Sprintf("%s is a symbolic link.", path), Mend: "Point CODEX_HOME at the directory that holds the file itself, or set CODEX_API_KEY."}
	case errors.Is(err, syscall.ENXIO): // a socket
		return nil, &task.Refusal{What: fmt.Sprintf("%s is not a regular file.", path), Mend: mendLogin}
	case err != nil:
		return nil, &task.Refusal{What: fmt.Sprintf("The login in %s cannot be read.", path), Mend: "Let this user read it, or set CODEX_API_KEY.", Err: err}
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("stat %s: %w", path, err)
	case !info.Mode().IsRegular():
		return nil, &task.Refusal{What: fmt.Sprintf("%s is not a regular file.", path), Mend: mendLogin}
	case info.Size() > maxAuthFile:
		return nil, &task.Refusal{What: fmt.Sprintf("%s is too large to be a login.", path), Mend: mendLogin}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxAuthFile))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}

// headerSafe trims a secret and refuses one that would not survive in a header.
func headerSafe(secret, where string) (string, error) {
	secret = strings.TrimSpace(secret)
	for _, r := range secret {
		if r <= ' ' || r > '~' {
			return "", &task.Refusal{What: fmt.Sprintf("The credential in %s holds characters that no credential has.", where), Mend: mendLogin}
		}
	}
	return secret, nil
}

func (a *authFile) grant() *Grant {
	if !a.chatGPT {
		return &Grant{Secret: a.apiKey}
	}
	return &Grant{Secret: a.access, AccountID: a.account, ChatGPT: true}
}

// expiry is when the access token says that it ends; zero if it does not say.
func (a *authFile) expiry() time.Time {
	parts := strings.Split(a.access, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Exp <= 0 {
		return time.Time{}
	}
	return time.Unix(int64(claims.Exp), 0)
}

// renewed is a's content with new tokens in it, as it goes to disk. Tokens that
// are empty stay as they were.
func (a *authFile) renewed(tokens map[string]string, now time.Time) ([]byte, error) {
	top, inner := maps.Clone(a.top), maps.Clone(a.tokens)
	for name, token := range tokens {
		if token == "" {
			continue
		}
		raw, err := json.Marshal(token)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", name, err)
		}
		inner[name] = raw
	}
	var err error
	if top["tokens"], err = json.Marshal(inner); err != nil {
		return nil, fmt.Errorf("encode tokens: %w", err)
	}
	if top["last_refresh"], err = json.Marshal(now.UTC().Format(time.RFC3339Nano)); err != nil {
		return nil, fmt.Errorf("encode last_refresh: %w", err)
	}
	data, err := json.MarshalIndent(top, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode auth.json: %w", err)
	}
	return append(data, '\n'), nil
}

// writeAtomically replaces path with data, mode 0600. A reader sees the old
// file or the new one, also after a crash.
func writeAtomically(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".auth-*.json") // CreateTemp makes it 0600
	if err != nil {
		return fmt.Errorf("create file beside %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_, _ = f.Close(), os.Remove(f.Name()) // err says what went wrong
		}
	}()
	if _, err = f.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", f.Name(), err)
	}
	if err = f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", f.Name(), err)
	}
	if err = f.Close(); err != nil {
		return fmt.Errorf("close %s: %w", f.Name(), err)
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return nil
}
