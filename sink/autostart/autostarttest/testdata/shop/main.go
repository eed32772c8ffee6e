// Command shop is a program that is generated in place, as its tests write it.
package main

import (
	"fmt"
	"os"

	"github.com/monitorgen/monitorgen/internal/manifest"
	monitor "github.com/monitorgen/monitorgen/runtime"
	"github.com/monitorgen/monitorgen/sink/autostart"
	_ "github.com/monitorgen/monitorgen/sink/otlp"
)

// description stands for the constant that a generator writes.
var description = func() string {
	text, err := (&manifest.Package{Path: "example.com/shop", Name: "shop", Functions: []manifest.Function{{
		Key: 0x5eed0002, Name: "order", Process: "shop.order", Data: []manifest.Datum{{Name: "n", Type: "int"}},
	}}}).Encode()
	if err != nil {
		panic(err)
	}
	return text
}()

func monitorOrder(n int) (c monitor.Call) {
	if e := c.Enter(0x5eed0002, description, ""); e != nil {
		e.Int(int64(n))
	}
	return
}

func monitorOrderEnd(c monitor.Call) {
	if c.End(0) {
		c.Commit()
	}
}

func order(n int) {
	defer monitorOrderEnd(monitorOrder(n))
	fmt.Println("order", n)
}

func main() {
	for n := range 3 {
		order(n)
	}
	switch os.Args[1] {
	case "flush":
		autostart.Flush()
	case "exit":
		os.Exit(3)
	case "wait":
		fmt.Println("waiting")
		select {}
	}
}
