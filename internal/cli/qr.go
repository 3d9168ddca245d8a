package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"

	"shoal"
)

// quietZone is how many light modules a QR code needs around it (ISO/IEC 18004,
// section 9.1).
const quietZone = 4

// qrCode is a QR code: a square of modules, each dark or light.
type qrCode struct{ matrix barcode.Barcode }

// newQRCode has text read by a telephone. The level is the lowest, which still
// mends 7% of the code: a screen has no scratches, and fewer modules fit on more
// of them. Errors are shoal.Usage.
func newQRCode(text string) (qrCode, error) {
	matrix, err := qr.Encode(text, qr.L, qr.Auto)
	if err != nil {
		return qrCode{}, fmt.Errorf("draw a code of %d bytes: %w: %w", len(text), err, shoal.Usage)
	}
	return qrCode{matrix}, nil
}

// width is how many columns of a terminal it takes; it takes half as many lines.
func (c qrCode) width() int { return c.matrix.Bounds().Dx() + 2*quietZone }

// dark reports whether a module is; those around the code are light.
func (c qrCode) dark(x, y int) bool {
	bounds := c.matrix.Bounds()
	if x < 0 || y < 0 || x >= bounds.Dx() || y >= bounds.Dy() {
		return false
	}
	r, _, _, _ := c.matrix.At(bounds.Min.X+x, bounds.Min.Y+y).RGBA()
	return r == 0
}

// draw writes the code, two modules a character: one above the other they are
// about square. With colours it is black on white whatever the terminal's are.
// Without, what is light is drawn, which is right on a dark terminal; on a light
// one the code comes out inverted, and most readers take that too.
func (c qrCode) draw(w io.Writer, s style) error {
	var b strings.Builder
	for y := -quietZone; y < c.matrix.Bounds().Dy()+quietZone; y += 2 {
		var line strings.Builder
		for x := -quietZone; x < c.width()-quietZone; x++ {
			upper, lower := c.dark(x, y), c.dark(x, y+1)
			line.WriteRune(halves(upper == bool(s), lower == bool(s)))
		}
		b.WriteString(s.ink(line.String()) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// halves is the character whose upper and lower half are drawn, or not.
func halves(upper, lower bool) rune {
	switch {
	case upper && lower:
		return '█'
	case upper:
		return '▀'
	case lower:
		return '▄'
	}
	return ' '
}

// code draws text as a QR code, if the terminal has room for it: one that is
// wrapped can be read by nobody.
func (s *screen) code(w io.Writer, text string) error {
	code, err := newQRCode(text)
	if err != nil {
		return err
	}
	if s.columns > 0 && code.width() > s.columns {
		return shoal.WithHint(fmt.Errorf("the QR code takes %d columns, and the terminal has %d: %w", code.width(), s.columns, shoal.Usage),
			"make the terminal wider, or its letters smaller")
	}
	return code.draw(w, s.outStyle)
}
