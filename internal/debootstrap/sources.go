package debootstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// source is one line of sources.list(5), or one stanza of a .sources file.
type source struct {
	uris, suites, components []string
	signedBy                 string
}

// copySources gives the new system the host's mirrors for a release, its security
// and update suites included, if the host runs that release. Else what the
// bootstrap program wrote stays. Only the distribution's own archive is copied:
// other people's have keys that the new system lacks, and an address with a
// password in it would put that into the image.
func copySources(host, root, suite string) error {
	all, err := readSources(host)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, s := range all {
		if s = s.of(suite); len(s.suites) == 0 || len(s.uris) == 0 || len(s.components) == 0 {
			continue
		}
		for _, u := range s.uris {
			// Cloud images name a file of mirrors.
			if list, ok := strings.CutPrefix(u, "mirror+file:"); ok {
				list = filepath.Clean("/" + list)
				if err := copyFile(filepath.Join(host, list), filepath.Join(root, list)); err != nil {
					return err
				}
			}
		}
		fmt.Fprintf(&b, "Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\n",
			strings.Join(s.uris, " "), strings.Join(s.suites, " "), strings.Join(s.components, " "))
		if s.signedBy != "" {
			fmt.Fprintf(&b, "Signed-By: %s\n", s.signedBy)
		}
		b.WriteString("\n")
	}
	if b.Len() == 0 {
		return nil
	}
	dir := filepath.Join(root, "etc/apt/sources.list.d")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	old, _ := filepath.Glob(filepath.Join(dir, "*")) // the pattern is well formed
	for _, p := range append(old, filepath.Join(root, "etc/apt/sources.list")) {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "host.sources"), []byte(b.String()), 0o644) // apt drops its privileges to read it
}

// of is what is left of a source for a release of the distribution's own archive.
func (s source) of(suite string) source {
	if s.signedBy != "" && !strings.HasPrefix(s.signedBy, "/usr/share/keyrings/debian-archive") &&
		!strings.HasPrefix(s.signedBy, "/usr/share/keyrings/ubuntu-archive") {
		return source{}
	}
	s.suites = keep(s.suites, func(v string) bool {
		return slices.Contains([]string{suite, suite + "-updates", suite + "-security", suite + "/updates"}, v)
	})
	s.components = keep(s.components, func(v string) bool {
		return slices.Contains([]string{"main", "universe", "restricted", "contrib", "non-free", "non-free-firmware", "multiverse"}, v)
	})
	s.uris = keep(s.uris, func(v string) bool {
		u, err := url.Parse(v)
		return err == nil && u.User == nil && slices.Contains([]string{"http", "https", "mirror+file", "mirror+http", "mirror+https"}, u.Scheme)
	})
	return s
}

func keep(in []string, ok func(string) bool) []string {
	return slices.DeleteFunc(slices.Clone(in), func(v string) bool { return !ok(v) })
}

func readSources(host string) ([]source, error) {
	var all []source
	lists, _ := filepath.Glob(filepath.Join(host, "etc/apt/sources.list.d/*.list"))
	stanzas, _ := filepath.Glob(filepath.Join(host, "etc/apt/sources.list.d/*.sources"))
	for _, p := range append([]string{filepath.Join(host, "etc/apt/sources.list")}, append(lists, stanzas...)...) {
		b, err := os.ReadFile(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if filepath.Ext(p) == ".sources" {
			all = append(all, parseStanzas(string(b))...)
		} else {
			all = append(all, parseLines(string(b))...)
		}
	}
	return all, nil
}

// parseLines reads the one-line format: deb [option=value ...] uri suite component...
func parseLines(text string) []source {
	var all []source
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		var s source
		if before, rest, ok := strings.Cut(line, "["); ok {
			opts, after, _ := strings.Cut(rest, "]")
			for _, o := range strings.Fields(opts) {
				if v, ok := strings.CutPrefix(o, "signed-by="); ok {
					s.signedBy = v
				}
			}
			line = before + after
		}
		f := strings.Fields(line)
		if len(f) < 4 || f[0] != "deb" {
			continue
		}
		s.uris, s.suites, s.components = f[1:2], f[2:3], f[3:]
		all = append(all, s)
	}
	return all
}

// parseStanzas reads the deb822 format: fields, continued on indented lines, in
// stanzas that empty lines separate. A key that is written out inside Signed-By
// is no file name, and so no archive of the distribution's.
func parseStanzas(text string) []source {
	var all []source
	fields := map[string]string{}
	last := ""
	flush := func() {
		types := strings.Fields(fields["types"])
		if slices.Contains(types, "deb") && !strings.EqualFold(strings.TrimSpace(fields["enabled"]), "no") {
			all = append(all, source{
				uris:       strings.Fields(fields["uris"]),
				suites:     strings.Fields(fields["suites"]),
				components: strings.Fields(fields["components"]),
				signedBy:   strings.TrimSpace(fields["signed-by"]),
			})
		}
		clear(fields)
	}
	for line := range strings.Lines(text) {
		switch {
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			fields[last] += "\n" + line
		default:
			key, val, _ := strings.Cut(line, ":")
			last = strings.ToLower(strings.TrimSpace(key))
			fields[last] = val
		}
	}
	flush()
	return all
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644) // a list of mirrors
}
