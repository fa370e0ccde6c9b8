package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// filtered is a file that the base's attributes send through a filter.
type filtered struct {
	candidate
	driver string
	// attributes is the right-hand side of a .gitattributes line.
	attributes string
}

// conversionAttributes decide what a file's content becomes in the object store.
var conversionAttributes = []string{"filter", "text", "crlf", "eol", "ident", "working-tree-encoding"}

// byFilter separates the files that go through a filter of the base.
func (w *Workspace) byFilter(ctx context.Context, index string, files []candidate) (through []filtered, plain []candidate, err error) {
	if len(w.drivers) == 0 || len(files) == 0 {
		return nil, files, nil
	}
	paths := make([]string, len(files))
	for i, c := range files {
		paths[i] = c.path
	}
	out, err := w.readingGit(ctx, index, call{
		args:  append([]string{"check-attr", "-z", "--stdin"}, conversionAttributes...),
		stdin: joinNul(paths),
	})
	if err != nil {
		return nil, nil, err
	}
	// path, attribute, value; as many for each path as we asked for, in our order.
	fields := splitNul(out.stdout)
	per := 3 * len(conversionAttributes)
	if len(fields) != per*len(files) {
		return nil, nil, fmt.Errorf("check attributes: git answered %d fields for %d files", len(fields), len(files))
	}
	for i, c := range files {
		own := fields[i*per : (i+1)*per]
		driver := string(own[2])
		if _, ok := w.drivers[driver]; !ok || !c.stat.mode.IsRegular() {
			plain = append(plain, c)
			continue
		}
		var words []string
		for j := 0; j < per; j += 3 {
			if word := attributeWord(string(own[j+1]), string(own[j+2])); word != "" {
				words = append(words, word)
			}
		}
		through = append(through, filtered{c, driver, strings.Join(words, " ")})
	}
	return through, plain, nil
}

// attributeWord writes what check-attr said the way .gitattributes says it.
func attributeWord(name, value string) string {
	switch value {
	case "unspecified":
		return ""
	case "set":
		return name
	case "unset":
		return "-" + name
	}
	return name + "=" + value
}

// addFiltered sends files through the user's filter commands. git would start
// those in the worktree, where a python -m or a relative path finds what the
// task has put there. So each file is opened by us and handed to a git that
// stands in an empty directory.
func (s *staging) addFiltered(ctx context.Context, files []filtered) error {
	var info strings.Builder
	for _, file := range files {
		oid, err := s.hashFiltered(ctx, file)
		if err != nil && exitCode(err) < 0 {
			return err
		}
		if err != nil {
			s.findings.add("filter-failed", task.SeverityError,
				fmt.Sprintf("The filter %s refused a file, or needs more than its content and name; the patch leaves it out: %v",
					show(file.driver), err), file.path)
			continue
		}
		if file.driver == "lfs" {
			s.findings.add("filtered-content", task.SeverityWarning,
				"Git LFS keeps this file elsewhere: the patch holds its pointer, and the content is in the worktree alone.", file.path)
		}
		mode := modeFile
		if file.stat.mode.Perm()&0o100 != 0 {
			mode = modeExecutable
		}
		fmt.Fprintf(&info, "%o %s\t%s\x00", mode, oid, file.path)
	}
	if info.Len() == 0 {
		return nil
	}
	_, err := s.w.readingGit(ctx, s.index, call{
		args:  []string{"update-index", "--replace", "-z", "--index-info"},
		stdin: strings.NewReader(info.String()),
	})
	return err
}

func (s *staging) hashFiltered(ctx context.Context, file filtered) (oid string, err error) {
	// O_NONBLOCK: should it be a pipe by now, opening must not wait for a writer.
	content, err := s.walk.root.OpenFile(file.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	if info, err := content.Stat(); err != nil || statOf(info) != file.stat && !info.Mode().IsRegular() {
		return "", errors.Join(err, fmt.Errorf("read %s: %w", show(file.path), fs.ErrInvalid))
	}
	out, err := s.w.filterGit(ctx, file, call{
		args: []string{"hash-object", "-w", "--stdin", "--path=" + file.path}, stdin: content,
	})
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(out.stdout)), nil
}

// filterGit runs git on one file's content with its filter and conversions, and
// nothing else of the user's, in an empty directory.
func (w *Workspace) filterGit(ctx context.Context, file filtered, c call) (_ output, err error) {
	attributes, err := os.CreateTemp(w.layout.collect(), "attributes-*")
	if err != nil {
		return output{}, err
	}
	defer func() { err = errors.Join(err, os.Remove(attributes.Name())) }()
	_, werr := attributes.WriteString("* " + file.attributes + "\n")
	if err := errors.Join(werr, attributes.Close()); err != nil {
		return output{}, err
	}

	config := [][2]string{{"core.attributesFile", attributes.Name()}}
	for _, c := range w.conversion {
		config = append(config, [2]string{c[0] + "." + c[1], c[2]})
	}
	for variable, value := range w.drivers[file.driver] {
		config = append(config, [2]string{"filter." + file.driver + "." + variable, value})
	}
	c.env = append(configEnv(config), c.env...)
	return w.plainGit(ctx, c)
}
