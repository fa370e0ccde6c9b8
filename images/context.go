package images

import (
	"archive/tar"
	"fmt"
	"io"
)

// WriteContext writes the build context of the image for an architecture as a tar
// stream. Certs are PEM-encoded CA certificates that the image shall trust, one
// per element; there may be none. The error is ErrNoSandboxInit, wrapped, before
// anything is written, if that is missing.
//
// The stream depends on nothing but its input: the classic builder's cache
// compares file contents and modes.
func WriteContext(w io.Writer, arch string, certs [][]byte) error {
	bin, err := SandboxInit(arch)
	if err != nil {
		return err
	}
	tw := tar.NewWriter(w)
	add := func(name string, mode int64, content []byte) error {
		h := &tar.Header{Name: name, Mode: mode, Size: int64(len(content))}
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("write %s to the build context: %w", name, err)
		}
		if _, err := tw.Write(content); err != nil {
			return fmt.Errorf("write %s to the build context: %w", name, err)
		}
		return nil
	}
	for _, name := range []string{"Dockerfile", "fetch.js", "pins.json"} {
		b, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		if err := add(name, 0o644, b); err != nil {
			return err
		}
	}
	if err := add(sandboxInit(arch), 0o755, bin); err != nil {
		return err
	}
	// COPY wants the directory to be there.
	if err := tw.WriteHeader(&tar.Header{Name: "certs/", Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
		return fmt.Errorf("write certs to the build context: %w", err)
	}
	for i, pem := range certs {
		// update-ca-certificates takes *.crt, one certificate each.
		if err := add(fmt.Sprintf("certs/host-%03d.crt", i), 0o644, pem); err != nil {
			return err
		}
	}
	return tw.Close()
}
