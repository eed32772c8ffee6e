// Hostile is called with what a page must not take for markup.
package main

import (
	"errors"
	"fmt"
)

const (
	script = `<script>window.owned = 'script'</script>`
	image  = `<img src=x onerror="window.owned = 'image'">`
	link   = `"><a href="javascript:window.owned='link'">x</a>{@html x}`
	breaks = "line\nbreak \x1b[31mred\x1b[0m \u202egnp.exe \x00 end"
)

type record struct {
	Name string
	Tags []string
}

func main() {
	for range 3 {
		if _, err := take(script, record{image, []string{link, breaks}}); err == nil {
			fmt.Println("nothing failed")
		}
	}
}

//monitor:trace group=hostile
func take(text string, r record) (string, error) {
	return r.Name, errors.New(text + " " + r.Name)
}
