package codex

// Held is how much memory the decoder keeps for its line.
func (d *Decoder) Held() int { return cap(d.line) }

// BundledModels says whether models.json could be read.
func BundledModels() error {
	_, err := models()
	return err
}
