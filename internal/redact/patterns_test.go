package redact

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/codex-mcp-runner/codex-mcp-runner/policies"
)

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	digits = "0123456789"
	hexes  = "0123456789abcdef"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alnum  = lower + upper + digits
)

// made is a made-up value, the same every time.
func made(alphabet string, n int) string {
	r := rand.New(rand.NewPCG(uint64(n), uint64(len(alphabet))))
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[r.IntN(len(alphabet))])
	}
	return b.String()
}

func uuid() string {
	return made(hexes, 8) + "-" + made(hexes, 4) + "-4" + made(hexes, 3) + "-9" + made(hexes, 3) + "-" + made(hexes, 12)
}

// What looks like a secret in a patch: a line, and what of it is one.
var credentials = []struct{ name, before, secret, after string }{
	{"AWS secret access key", "aws_secret_access_key = ", made(alnum+"+/", 40), ""},
	{"AWS in the environment", "export AWS_SECRET_ACCESS_KEY=", made(alnum+"+/", 40), ""},
	{"Linear", "const linear = \"", "lin" + "_api_" + made(lower+digits, 40), "\""},
	{"Grafana", "GRAFANA=", "gl" + "sa_" + made(alnum, 32) + "_" + made(hexes, 8), ""},
	{"Postman", "postman: ", "PM" + "AK-" + made(hexes, 24) + "-" + made(hexes, 34), ""},
	{"PlanetScale", "planet: ", "pscale" + "_tkn_" + made(alnum, 43), ""},
	{"Doppler", "doppler=", "dp" + ".pt." + made(alnum, 43), ""},
	{"Pulumi", "pulumi: ", "pu" + "l-" + made(hexes, 40), ""},
	{"Terraform Cloud", "terraform = \"", made(alnum, 14) + ".atlas" + "v1." + made(alnum, 67), "\""},
	{"Square", "square=", "EA" + "AA" + made(alnum, 60), ""},
	{"Telegram", "telegram_bot = \"", made(digits[1:], 10) + ":A" + made(alnum, 34), "\""},
	{"Twilio", "twilio: ", "S" + "K" + made(hexes, 32), ""},
	{"Fly", "fly=", "fo" + "1_" + made(alnum, 43), ""},
	{"1Password", "op: ", "A" + "3-" + made(upper+digits, 6) + "-" + made(upper+digits, 11) + "-" + made(upper+digits, 5) + "-" + made(alnum[26:], 5) + "-" + made(upper+digits, 5), ""},
	{"Heroku", "heroku_api_key=\"", uuid(), "\""},
	{"a password", "password=\"", made(alnum, 20), "\""},
	{"an API key", "api_key: ", made(alnum, 32), ""},
	{"an API key in JSON", `  "apiKey": "`, made(alnum, 32), `",`},
	{"a client secret", "client_secret = '", made(alnum, 32), "'"},
	{"an access token", "ACCESS_TOKEN=", made(alnum, 40), ""},
	{"Datadog", "datadog_api_key=", made(hexes, 40), ""},
	{"curl", "curl -u \"", "admin" + ":" + made(alnum, 16), "\" https://example.org"},
	{"Dropbox", "dropbox_token = \"", made(lower+digits, 15), "\""},
	{"Okta", "okta_token: \"", "00" + made(alnum, 40), "\""},
}

func TestWhatLooksLikeASecretIsFoundAndHidden(t *testing.T) {
	s := secrets(t)
	for _, c := range credentials {
		line := c.before + c.secret + c.after
		patch := "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n x\n+" + line + "\n"
		all, complete := s.Find([]byte(patch))
		if len(all) != 1 || all[0].Line != 6 || !complete {
			t.Errorf("%s: found %v in %q", c.name, all, line)
		}
		got := s.String(patch)
		if strings.Contains(got, c.secret) || !strings.Contains(got, "\n+"+c.before+"[REDACTED:") || !strings.HasSuffix(got, "]"+c.after+"\n") {
			t.Errorf("%s: %q", c.name, got)
		}
		// The same again: what is shown twice looks the same.
		if again := s.String(got); again != got {
			t.Errorf("%s: %q became %q", c.name, got, again)
		}
	}
}

func TestAPatchCannotSayThatItsSecretsAreNone(t *testing.T) {
	s := secrets(t)
	key := made(alnum, 32)
	for name, patch := range map[string]string{
		"a comment":            "+api_key = \"" + key + "\" # gitleaks" + ":allow\n",
		"an allowed line":      "+api_key = \"" + key + "\" --mount=type=secret, \n",
		"another allowed line": "+import { a } from 'b'; api_key = \"" + key + "\"\n",
		"an allowed file":      "diff --git a/go.sum b/go.sum\n--- a/go.sum\n+++ b/package-lock.json\n@@ -1 +1 @@\n+api_key = \"" + key + "\"\n",
		"a vendored file":      "diff --git a/node_modules/x b/node_modules/x\n+++ b/node_modules/x\n@@ -1 +1 @@\n+api_key = \"" + key + "\"\n",
		"the rules themselves": "+++ b/gitleaks.toml\n@@ -1 +1 @@\n+[allowlist]\n+regexes = ['.*']\n+api_key = \"" + key + "\"\n",
		"a mark":               "+[REDACTED:x] api_key = \"" + key + "\" [REDACTED:x]\n",
		"another letter case":  "+API_KEY = \"" + key + "\"\n",
		"letters that shrink":  "+" + strings.Repeat("\u0130\u212a", 50) + " api_key = \"" + key + "\"\n",
		"no UTF-8":             "+\xff\xfe\x00 api_key = \"" + key + "\"\n",
		"far from a keyword":   "+" + strings.Repeat("x", 5000) + " api_key = \"" + key + "\"" + strings.Repeat("y", 5000) + "\n",
		"many before it":       strings.Repeat("+key = none\n", 3000) + "+api_key = \"" + key + "\"\n",
	} {
		all, _ := s.Find([]byte(patch))
		n := strings.Count(patch[:strings.Index(patch, key)], "\n") + 1
		if diff := cmp.Diff([]Match{{"generic-api-key", n}}, all); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got := s.String(patch); got != strings.Replace(patch, key, "[REDACTED:generic-api-key]", 1) {
			t.Errorf("%s: %.300q", name, got)
		}
	}
}

func TestOrdinaryLinesAreLeftAlone(t *testing.T) {
	s := secrets(t)
	for _, line := range []string{
		"google.golang.org/api v0.287.1 h1:" + made(alnum, 43) + "=",
		"golang.org/x/oauth2 v0.37.0/go.mod h1:" + made(alnum, 43) + "=",
		"password := os.Getenv(\"DATABASE_PASSWORD\")", "api_key: ${{ secrets.API_KEY }}", "const token = await getToken();",
		"api_key = \"your-api-key-here\"", "publicKey: \"" + made(alnum, 40) + "\"", "<input type=\"password\" name=\"password\">",
		"key = \"aaaaaaaaaaaaaaaaaaaaaaaa\"", "commit " + made(hexes, 40), "",
	} {
		if all, _ := s.Find([]byte("x\n" + line + "\ny")); all != nil || s.String(line) != line {
			t.Errorf("%q: %v, %q", line, all, s.String(line))
		}
	}
}

// A key may be longer than the window around its keyword.
func TestAllOfALongSecretIsHidden(t *testing.T) {
	s := secrets(t)
	for name, secret := range map[string]string{
		"1password-service-account-token": "ops" + "_eyJ" + made(alnum, 3*after),
		"facebook-page-access-token":      "EAA" + "M" + made(alnum, 3*after),
	} {
		got := s.String("+x = \"" + secret + "\"\n")
		if want := "+x = \"[REDACTED:" + name + "]\"\n"; got != want {
			t.Errorf("%s: %.300q", name, got)
		}
	}
}

func TestASecretOfManyLinesIsHiddenInAPatch(t *testing.T) {
	value := made(lower+digits, 40)
	patch := "@@ -0,0 +1,4 @@\n+kind: Secret\n+data:\n+  x: " + value + "\n"
	s := secrets(t)
	if got := s.String(patch); strings.Contains(got, value) {
		t.Errorf("got %q", got)
	}
	all, _ := s.Find([]byte("kind: Secret\ndata:\n  x: " + value + "\n"))
	if diff := cmp.Diff([]Match{{"kubernetes-secret-yaml", 3}}, all); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

func TestKnownValuesGoBeforePatterns(t *testing.T) {
	login := made(alnum, 32)
	s := secrets(t, Known{"login", login})
	// As a whole and across the end of what a pattern would take.
	for in, want := range map[string]string{
		"api_key = \"" + login + "\"":                      "api_key = \"[REDACTED:login]\"",
		"api_key = \"" + made(alnum, 32)[1:] + "x" + login: "api_key = \"" + made(alnum, 32)[1:] + "x[REDACTED:login]",
	} {
		if got := s.String(in); strings.Contains(got, login) || !strings.Contains(got, "[REDACTED:login]") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPatternsMayBeUsedByMany(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s := secrets(t)
			for _, c := range credentials[:4] {
				if got := s.String(c.before + c.secret); strings.Contains(got, c.secret) {
					t.Errorf("%s is shown", c.name)
				}
			}
		})
	}
	all.Wait()
}

// A rule that this package would read in another way than gitleaks does must not
// come in with a new file.
func TestNothingInTheFileOfPatternsIsOverlooked(t *testing.T) {
	file, err := policies.GitleaksRules()
	if err != nil {
		t.Fatal(err)
	}
	set, err := compilePatterns(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(set.patterns), len(file.Rules)-1; got != want { // one is about file names
		t.Errorf("%d of %d rules are in force", got, want)
	}
	for _, r := range append(file.Rules, policies.SecretPattern{ID: "all", Allowlists: []policies.SecretAllowed{file.Allowlist}}) {
		for _, l := range r.Allowlists {
			if l.Condition != "" && len(l.Paths) == 0 || l.RegexTarget != "" && l.RegexTarget != "match" && l.RegexTarget != "line" {
				t.Errorf("rule %s: an allow list of a new kind: %+v", r.ID, l)
			}
		}
	}
}

// hostile texts keep the search as busy as they can.
func hostile(size int) map[string]string {
	file, err := policies.GitleaksRules()
	if err != nil {
		return nil
	}
	var words strings.Builder
	for _, r := range file.Rules {
		for _, k := range r.Keywords {
			words.WriteString(k + " ")
		}
	}
	fill := func(unit string) string { return strings.Repeat(unit, size/len(unit)+1)[:size] }
	return map[string]string{
		"keywords":          fill(words.String()),
		"keywords in lines": fill(strings.ReplaceAll(words.String(), " ", "\n")),
		"keys in lines":     fill("api_key=\"" + made(alnum, 20) + "\"\n"),
		"keys in a line":    fill("api_key=\"" + made(alnum, 20) + "\" "),
		"keys that are not": fill("api_key=\"aaaaaaaaaaaaaaaaaaaaaaa\" "),
		"tokens in a line":  fill("ghp_" + body40),
		"starts of keys":    fill("-----BEGIN " + "PRIVATE KEY-----"),
		"curls":             fill("curl -u a:b "),
		"secrets":           fill("kind: secret data: x "),
		"a letter":          fill("k"),
		"zeros":             fill("\x00"),
	}
}

func TestWhatIsMadeToTakeLongIsSaid(t *testing.T) {
	s := secrets(t)
	if _, complete := s.Find([]byte(hostile(100 << 10)["keywords"])); complete {
		t.Error("it was searched to the end")
	}
}

func FuzzPatternsInAPatch(f *testing.F) {
	f.Add("x", "y", 3)
	f.Add("[REDACTED:", "gitleaks"+":allow", 0)
	f.Add("-----BEGIN PRIVATE KEY-----", "KEY-----", 1)
	f.Add("key = \u0130", "\n+\xff", 2)
	s := secrets(f)
	f.Fuzz(func(t *testing.T, before, after string, n int) {
		c := credentials[2+(n&0x7fffffff)%6] // known by their beginnings
		text := before + "\n+" + c.before + c.secret + c.after + "\n" + after
		got := s.String(text)
		if strings.Contains(got, c.secret) && !strings.Contains(before+after, c.secret) {
			t.Errorf("%s is shown: %q became %q", c.name, text, got)
		}
		all, _ := s.Find([]byte(text))
		end := bytes.Count([]byte(text), []byte("\n")) + 1
		for i, m := range all {
			if m.Line < 1 || m.Line > end || i > 0 && m.Line < all[i-1].Line {
				t.Errorf("%v in %d lines", all, end)
			}
		}
	})
}

func BenchmarkHostile(b *testing.B) {
	s := secrets(b)
	for name, text := range hostile(1 << 20) {
		b.Run(fmt.Sprintf("%s/%dKiB", strings.ReplaceAll(name, " ", "-"), len(text)>>10), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				s.Find([]byte(text))
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	file, err := policies.GitleaksRules()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := compilePatterns(file); err != nil {
			b.Fatal(err)
		}
	}
}

// Many small texts together get no more time than one large one; and who asks for
// a text without its secrets is told if some may be left.
func TestTheTimeForASearchIsForAllOfIt(t *testing.T) {
	s, err := NewSecrets()
	if err != nil {
		t.Fatal(err)
	}
	piece := hostile(8 << 10)["keywords"]
	search := s.Search(len(piece))
	for i := range 200 {
		if _, complete := search.Find([]byte(piece)); !complete {
			if i == 0 {
				t.Error("there was no time for the first")
			}
			break
		} else if i == 199 {
			t.Error("there was time for all")
		}
	}
	if _, complete := s.Clean(hostile(100 << 10)["keywords"]); complete {
		t.Error("the text counts as clean")
	}
	if clean, complete := s.Clean("nothing"); clean != "nothing" || !complete {
		t.Errorf("%q, %t", clean, complete)
	}
}
