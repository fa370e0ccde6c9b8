package gateway

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// unpack undoes a body's content encoding, one at most. What comes out is
// bounded like what came in, so a small bomb stays small.
func unpack(body []byte, encodings []string) ([]byte, error) {
	if len(encodings) == 0 {
		return body, nil
	}
	if len(encodings) > 1 {
		return nil, &violation{what: "the request has more than one content encoding"}
	}
	var (
		from io.Reader
		err  error
	)
	switch encodings[0] {
	case "identity":
		return body, nil
	case "gzip":
		from, err = gzip.NewReader(bytes.NewReader(body))
	case "zstd":
		var d *zstd.Decoder
		d, err = zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxMemory(maxBody), zstd.WithDecoderMaxWindow(8<<20))
		if err == nil {
			defer d.Close()
		}
		from = d
	default:
		return nil, &violation{what: fmt.Sprintf("the content encoding %s is not let through", quote(encodings[0]))}
	}
	if err != nil {
		return nil, &violation{what: "the compressed request cannot be read"}
	}
	plain, err := io.ReadAll(io.LimitReader(from, maxBody+1))
	switch {
	case len(plain) > maxBody, errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return nil, &violation{what: fmt.Sprintf("the request unpacks to more than %d MiB", maxBody>>20)}
	case err != nil:
		return nil, &violation{what: "the compressed request cannot be read"}
	}
	return plain, nil
}
