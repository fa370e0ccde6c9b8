package debootstrap

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestSuiteOf(t *testing.T) {
	tests := map[string]struct{ osRelease, want string }{
		"debian":        {"ID=debian\nVERSION_CODENAME=trixie\n", "trixie"},
		"ubuntu":        {"ID=ubuntu\nVERSION_CODENAME=noble\nUBUNTU_CODENAME=noble\n", "noble"},
		"made from one": {"ID=linuxmint\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME=\"noble\"\n", "noble"},
		"testing":       {"ID=debian\n", DefaultSuite},
		"another":       {"ID=fedora\nVERSION_CODENAME=\"\"\n", DefaultSuite},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := suiteOf(strings.NewReader(tt.osRelease)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// tree writes files into a new directory and returns it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCopySources(t *testing.T) {
	const key = "/usr/share/keyrings/debian-archive-keyring.gpg"
	tests := map[string]struct {
		host map[string]string
		want string // the new system's host.sources; "" if its own sources.list stays
	}{
		"one line each": {
			host: map[string]string{"etc/apt/sources.list": "# mine\n" +
				"deb [arch=amd64 signed-by=" + key + "] https://mirror.test/debian bookworm main non-free # c\n" +
				"deb-src http://mirror.test/debian bookworm main\n" +
				"deb http://mirror.test/security bookworm-security main\n" +
				"deb http://mirror.test/debian bookworm-backports main\n"},
			want: "Types: deb\nURIs: https://mirror.test/debian\nSuites: bookworm\nComponents: main non-free\nSigned-By: " + key + "\n\n" +
				"Types: deb\nURIs: http://mirror.test/security\nSuites: bookworm-security\nComponents: main\n\n",
		},
		"stanzas": {
			host: map[string]string{"etc/apt/sources.list.d/debian.sources": "Types: deb deb-src\n# a comment\n" +
				"URIs: http://mirror.test/debian\nSuites: bookworm\n bookworm-updates\nComponents: main\nSigned-By: " + key + "\n\n" +
				"Enabled: no\nTypes: deb\nURIs: http://off.test/\nSuites: bookworm\nComponents: main\n"},
			want: "Types: deb\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: " + key + "\n\n",
		},
		"a file of mirrors": {
			host: map[string]string{
				"etc/apt/mirrors/debian.list": "http://mirror.test/debian\n",
				"etc/apt/sources.list":        "deb mirror+file:/etc/apt/mirrors/debian.list bookworm main\n",
			},
			want: "Types: deb\nURIs: mirror+file:/etc/apt/mirrors/debian.list\nSuites: bookworm\nComponents: main\n\n",
		},
		"other people's archives": {
			host: map[string]string{
				"etc/apt/sources.list.d/a.list":    "deb [signed-by=/etc/apt/keyrings/a.asc] http://a.test/debian bookworm main\n",
				"etc/apt/sources.list.d/b.list":    "deb http://b.test/debian bookworm stable\n",
				"etc/apt/sources.list.d/c.sources": "Types: deb\nURIs: http://c.test\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n",
			},
		},
		"a password never gets into the image": {
			host: map[string]string{"etc/apt/sources.list": "deb https://me:hunter2@mirror.test/debian bookworm main\n"},
		},
		"another release": {
			host: map[string]string{"etc/apt/sources.list": "deb http://mirror.test/ubuntu noble main\ndeb http://mirror.test/x bookwormish main\n"},
		},
		"no apt": {host: map[string]string{"etc/hosts": ""}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			host := tree(t, tt.host)
			root := tree(t, map[string]string{"etc/apt/sources.list": "deb http://default.test/ bookworm main\n"})
			if err := copySources(host, root, "bookworm"); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(root, "etc/apt/sources.list.d/host.sources"))
			if err != nil && tt.want != "" {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
			_, err = os.Stat(filepath.Join(root, "etc/apt/sources.list"))
			if stays := err == nil; stays != (tt.want == "") {
				t.Errorf("the bootstrap program's own sources.list stays: %v", stays)
			}
			if list := tt.host["etc/apt/mirrors/debian.list"]; list != "" {
				if b, err := os.ReadFile(filepath.Join(root, "etc/apt/mirrors/debian.list")); err != nil || string(b) != list {
					t.Errorf("the mirrors' file: %q, %v", b, err)
				}
			}
		})
	}
}

var credentials = regexp.MustCompile(`^[^/]*//[^/?#]*@`)

// Whatever the host's files hold, what is written names no password, and reading
// it back gives only sources of the release.
func FuzzSources(f *testing.F) {
	f.Add("deb [signed-by=/a] http://u:p@mirror.test/debian bookworm main # x", true)
	f.Add("Types: deb\nURIs: http://mirror.test\n more\nSuites: bookworm\nComponents: main\nSigned-By:\n key\n", false)
	f.Add("deb http://mirror.test/ bookworm-security main\ndeb [", true)
	f.Fuzz(func(t *testing.T, text string, lines bool) {
		parse := parseStanzas
		if lines {
			parse = parseLines
		}
		for _, s := range parse(text) {
			s = s.of("bookworm")
			for _, u := range s.uris {
				if credentials.MatchString(u) {
					t.Errorf("%q holds credentials", u)
				}
				if strings.ContainsAny(u, " \n\t") {
					t.Errorf("%q would be two", u)
				}
			}
			for _, v := range s.suites {
				if !strings.HasPrefix(v, "bookworm") {
					t.Errorf("suite %q", v)
				}
			}
			if strings.Contains(s.signedBy, "\n") {
				t.Errorf("the key %q would be more than one line", s.signedBy)
			}
		}
	})
}
