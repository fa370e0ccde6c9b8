package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// patient has time for all colours, however slow the machine.
func patient() *painter { return &painter{file: time.Hour, left: time.Hour} }

// fileLine is what a reader is told of a file, in one line.
func fileLine(f fileView) string {
	return fmt.Sprintf("%s|%s|%s|+%d -%d|%d/%d", f.Name, f.What, strings.Join(f.Notes, ", "), f.Added, f.Deleted, f.Shown, f.Lines)
}

func TestFilesOfAPatch(t *testing.T) {
	for name, c := range map[string]struct {
		patch string
		want  []string
	}{
		"modified": {"diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n", []string{"x|modified||+1 -1|3/3"}},
		"rename alone": {
			"diff --git a/x y b/z\nsimilarity index 100%\nrename from x y\nrename to z\n",
			[]string{"z|renamed|from x y|+0 -0|0/0"},
		},
		"quoted names":         {"diff --git \"a/\\303\\244\\t\" \"b/\\303\\244\\t\"\nold mode 100644\nnew mode 100755\n", []string{"ä\t|mode|plain file → executable|+0 -0|0/0"}},
		"new link":             {"diff --git a/l b/l\nnew file mode 120000\nindex 0..1\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n", []string{"l|added|symbolic link|+1 -0|1/1"}},
		"gitlink":              {"diff --git a/s b/s\nindex 1..2 160000\n--- a/s\n+++ b/s\n@@ -1 +1 @@\n-Subproject commit 1\n+Subproject commit 2\n", []string{"s|modified|submodule|+1 -1|2/2"}},
		"deleted executable":   {"diff --git a/x b/x\ndeleted file mode 100755\nindex 1..0\n--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", []string{"x|deleted|was: executable|+0 -1|1/1"}},
		"binary":               {"diff --git a/x b/x\nnew file mode 100644\nindex 0..1\nGIT binary patch\nliteral 5000000\nzcmZQz\n\nliteral 0\nHcmV?d00001\n\n", []string{"x|added|binary, now 4.8 MiB|+0 -0|0/0"}},
		"binary, not told":     {"diff --git a/x b/x\nindex 1..2 100644\nBinary files a/x and b/x differ\n", []string{"x|modified|binary|+0 -0|0/0"}},
		"CRLF":                 {"diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\r\n+b\r\n", []string{"x|modified|CRLF line ends|+1 -1|2/2"}},
		"content like a patch": {"diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n-diff --git a/y b/y\n+diff --git a/z b/z\n+@@ -1 +1 @@\n", []string{"x|modified||+2 -1|3/3"}},
		"cut off": {
			"diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\ndiff --git a/y b/y\nindex 1..2 100644\n--- a/y\n+++ b/y\n@@ -1,9 +1,9 @@\n-a\n",
			[]string{"x|modified||+1 -1|2/2", "a/y b/y|unreadable||+0 -0|6/6"},
		},
		// gitdiff steps over these; what it does not show, a reader would not see.
		"more lines than the hunk says": {"diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n+evil\n", []string{"a/x b/x|unreadable||+0 -0|8/8"}},
		"no git patch":                  {"--- x\n+++ y\n@@ -1 +1 @@\n-a\n+b\n", []string{"--- x|unreadable||+0 -0|5/5"}},
	} {
		d := newDiff(c.patch, 1<<20, patient())
		var got []string
		for _, f := range d.Files {
			got = append(got, fileLine(f))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A megabyte that unpacks to a gigabyte must cost nothing.
func TestBinaryContentIsNotUnpacked(t *testing.T) {
	patch := "diff --git a/x b/x\nindex 1..2 100644\nGIT binary patch\nliteral 9223372036854775807\n" + strings.Repeat("zcmZQzcmZQzcmZQzcmZQzcmZQzcmZQz\n", 30_000)
	if n := testing.AllocsPerRun(1, func() { newDiff(patch, 1<<20, &painter{}) }); n > 1000 {
		t.Errorf("it took %.0f allocations", n)
	}
}

func TestWhatIsShownIsBounded(t *testing.T) {
	var patch strings.Builder
	for i := range 500 {
		fmt.Fprintf(&patch, "diff --git a/f%d.go b/f%d.go\nnew file mode 100644\n--- /dev/null\n+++ b/f%d.go\n@@ -0,0 +1,%d @@\n%s", i, i, i, 100, strings.Repeat("+\tx := 1 // and a comment\n", 100))
	}
	d := newDiff(patch.String(), 50_000, &painter{})
	shown := 0
	for _, f := range d.Files {
		shown += f.Shown
	}
	if d.Total != 500 || len(d.Files) != taskDiffFiles || d.Added != 50_000 || !d.Cut || shown != 50_000/(len("\tx := 1 // and a comment\n")+16) {
		t.Errorf("%d files, %d listed, %d lines added, %d shown, cut %t", d.Total, len(d.Files), d.Added, shown, d.Cut)
	}
	minified := "diff --git a/x.js b/x.js\nnew file mode 100644\n--- /dev/null\n+++ b/x.js\n@@ -0,0 +1 @@\n+" + strings.Repeat("é(", 500_000) + "\n"
	f := newDiff(minified, 50_000, patient()).Files[0]
	if f.Shown != 1 || len(f.Code) > 40*maxLine || !strings.Contains(string(f.Code), "1.4 MiB more on this line") {
		t.Errorf("a long line: %d shown, %d bytes", f.Shown, len(f.Code))
	}
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		sizes       []int
		total, want int
	}{
		{[]int{10, 20, 30}, 100, 30 + 40},
		{[]int{10, 1000, 1000}, 110, 50},
		{[]int{1000, 1000}, 100, 50},
		{nil, 100, 100},
	} {
		if got := share(c.sizes, c.total); got != c.want {
			t.Errorf("share(%v, %d) = %d, want %d", c.sizes, c.total, got, c.want)
		}
	}
}

func TestColoursAreOfTheLanguage(t *testing.T) {
	p := patient()
	lines := []codeLine{{text: `func f() string { return "x" } // é`}, {text: "/* open"}, {text: "still */ var n = 1"}}
	got := p.of("a/b.go")(lines)
	var words []string
	for i, l := range lines {
		rest := []rune(l.text)
		for _, s := range got[i] {
			if s.class != 0 {
				words = append(words, string(s.class)+":"+strings.TrimSpace(string(rest[:s.n])))
			}
			rest = rest[s.n:]
		}
	}
	want := []string{"k:func", "f:f", "t:string", "k:return", `s:"x"`, "c:// é", "c:/* open", "c:still */", "k:var", "n:1"}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Errorf("the colours (-want +got):\n%s", diff)
	}
	for _, name := range []string{"go.mod", "x.txt", "x", "x.md", "", ".", "x.no-such-language"} {
		if got := p.of(name)(lines); got != nil {
			t.Errorf("%q has colours", name)
		}
	}
	if got := (&painter{}).of("a.go")(lines); got != nil {
		t.Error("there are colours without time for them")
	}
}

func TestLexersAreThoseOfChroma(t *testing.T) {
	for _, name := range strings.Fields("a.go a.ts a.tsx a.js a.py a.rb a.rs a.c a.h a.cpp a.java a.kt a.swift a.sh a.sql a.tf a.proto a.toml a.yaml a.yml a.json a.xml a.html a.css a.scss a.cs a.ex a.hs a.lua a.scala a.dart a.php Dockerfile Makefile CMakeLists.txt a.v a.m a.pl") {
		want, _ := lexers.Match(name).(*chroma.RegexLexer)
		if got := lexerOf("dir/" + name); got != want {
			t.Errorf("%s: %v, chroma says %v", name, got, want)
		}
	}
}

// The lexer of this file takes minutes for these lines, a quarter of a second for
// each match; any sandbox can write such a file.
func TestColoursHaveTheirTime(t *testing.T) {
	var lines []codeLine
	for range 150 {
		lines = append(lines, newCodeLine(strings.Repeat("((((a<b<c<[{\"'`", 30)))
	}
	for _, given := range []time.Duration{100 * time.Millisecond, time.Second} {
		p := &painter{file: given, left: time.Minute}
		start := time.Now()
		spans := p.of("x.jungle")(lines)
		if took := time.Since(start); took < given || spans != nil {
			t.Errorf("given %s, it took %s, with %d lines of colours", given, took, len(spans))
		}
		if p.left > time.Minute-given {
			t.Errorf("given %s, what it took is not taken off what is left, %s", given, p.left)
		}
	}
}

// The text on the page is that of the patch, whatever it is and whatever a lexer
// makes of it.
func FuzzDiffText(f *testing.F) {
	f.Add("x.go", "a := `", "b := \"\\\"")
	f.Add("x.py", "'''", "\t<b>&amp;")
	f.Add("x.html", "<script>", "</script>")
	f.Add("x.vue", "<template lang=pug>", "{{ a }}")
	f.Add("x.bin", "\xff\u202e", "\x00\r")
	f.Fuzz(func(t *testing.T, name, before, after string) {
		if strings.ContainsAny(name+before+after, "\n") || strings.ContainsAny(name, "\"\\ \t\r") || len(name) > 50 {
			t.Skip()
		}
		patch := "diff --git a/x b/x\nrename from old\nrename to " + name + "\n@@ -1 +1,2 @@\n-" + before + "\n+" + after + "\n+" + before + "\n"
		d := newDiff(patch, 1<<20, patient())
		if len(d.Files) != 1 || d.Files[0].Problem != "" {
			t.Skip() // names that are no names in a patch
		}
		f := d.Files[0]
		if strings.HasSuffix(before, "\r") && strings.HasSuffix(after, "\r") {
			before, after = strings.TrimSuffix(before, "\r"), strings.TrimSuffix(after, "\r")
		}
		root, err := html.Parse(strings.NewReader(string(f.Code)))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for n := range root.Descendants() {
			if n.Type == html.ElementNode && (n.Data == "ins" || n.Data == "del") {
				got = append(got, text(n))
			}
		}
		want := []string{"-" + shown(before), "+" + shown(after), "+" + shown(before)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", f.Code, diff)
		}
	})
}

// shown is how a line of code reads on the page.
func shown(s string) string {
	l := newCodeLine(s)
	out := string(reveal([]byte(l.text)))
	if l.cut > 0 {
		out += " … " + size(l.cut) + " more on this line"
	}
	return out
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}
