package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A model call of a real size, through the gateway and without it.
func BenchmarkCall(b *testing.B) {
	body := realRequests(b)["classic"]
	var padded strings.Builder
	padded.Write(body[:strings.LastIndexByte(string(body), '}')])
	fmt.Fprintf(&padded, `,"instructions":%q}`, strings.Repeat("Be brief. ", 20<<10))
	whole := strings.ReplaceAll(padded.String(), modelOf(b, body), "m")

	r := newRig(b, sse(sseDone), nil)
	for name, url := range map[string]string{"direct": r.upstream.URL + "/v1/responses", "gateway": "http://" + r.addr + routeModel} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(whole)))
			for b.Loop() {
				fetch(b, url, whole)
			}
		})
	}
}

// A long answer, in events of a kilobyte that are each flushed.
func BenchmarkStream(b *testing.B) {
	const events = 4 << 10
	event := "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"" + strings.Repeat("x", 930) + "\"}\n\n"
	r := newRig(b, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for range events {
			_, _ = io.WriteString(w, event)
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.WriteString(w, sseDone)
	}, nil)
	for name, url := range map[string]string{"direct": r.upstream.URL + "/v1/responses", "gateway": "http://" + r.addr + routeModel} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(events * len(event)))
			for b.Loop() {
				fetch(b, url, goodBody)
			}
		})
	}
}

func BenchmarkInspect(b *testing.B) {
	for _, size := range []int{0, 1 << 20} {
		b.Run(fmt.Sprintf("plus %d bytes of image", size), func(b *testing.B) {
			body := realRequests(b)["code"]
			image := `{"type":"message","role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,` + strings.Repeat("A", size) + `"}]}`
			whole := []byte(strings.Replace(string(body), `"input": [`, `"input": [`+image+`,`, 1))
			model := modelOf(b, body)
			b.SetBytes(int64(len(whole)))
			for b.Loop() {
				if _, err := inspect(whole, model, true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func fetch(b *testing.B, url, body string) {
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || resp.StatusCode != 200 || n == 0 {
		b.Fatal(resp.StatusCode, n, err)
	}
	_ = resp.Body.Close()
}
