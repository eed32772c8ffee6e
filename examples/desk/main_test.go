package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/monitorgen/monitorgen/monitortest"
)

func TestRun(t *testing.T) {
	var first, second strings.Builder
	if err := run(&first, 2, 200, 7); err != nil {
		t.Fatal(err)
	}
	if err := run(&second, 2, 200, 7); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Errorf("the same seed gives\n%sand\n%s", first.String(), second.String())
	}
	for _, want := range []string{"orders traded", "2 refused: unknown symbol", "2 refused: over the limit", "2 refused: stale price", "2 refused: no risk figures"} {
		if !strings.Contains(first.String(), want) {
			t.Errorf("no %q in\n%s", want, first.String())
		}
	}
}

func TestRefusals(t *testing.T) {
	d := newDesk()
	d.runMarkets(50, 1)
	for _, tt := range []struct {
		order order
		want  any
	}{
		{order{Symbol: "NOPE", Quantity: 1}, new(*UnknownSymbolError)},
		{order{Symbol: "ACME", Quantity: maxQuantity + 1}, new(*LimitError)},
		{order{Symbol: "DUST", Quantity: 1}, new(*StalePriceError)},
		{order{Symbol: "ACME", Strike: 100, Years: 1, Quantity: 1, Limit: 0.01}, new(*PriceError)},
	} {
		if _, err := d.submit(tt.order); !errors.As(err, tt.want) {
			t.Errorf("%+v: %v, want %T", tt.order, err, tt.want)
		}
	}
	if _, err := d.submit(order{Symbol: "ACME", Strike: 100, Years: 1, Quantity: 1, Limit: 100}); err != nil {
		t.Error(err)
	}
}

func TestBadOrderFile(t *testing.T) {
	for _, text := range []string{"id\n1,2\n", "a,b,c,d,e,f,g,h\n1,ACME,call,x,1,1,1,key\n"} {
		if _, err := readOrders(strings.NewReader(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// What the desk did can be seen in its records: an order that is refused for its
// symbol is never priced, and no account's key is anywhere. Plain go test skips
// this; monitorgen test records.
func TestRecordedRefusal(t *testing.T) {
	d := newDesk()
	d.runMarkets(50, 1)
	rec := monitortest.Record(t)
	d.submit(order{ID: 1, Symbol: "NOPE", Quantity: 1, Account: account{APIKey: "key-1"}})
	d.submit(order{ID: 2, Symbol: "ACME", Strike: 100, Years: 1, Quantity: 1, Limit: 100, Account: account{APIKey: "key-2"}})
	calls := rec.Calls()
	refused, traded := calls.Of("desk.(*desk).submit").Failed().One(t), calls.Of("pricing.Price").One(t)
	if refused.Err != "unknown symbol NOPE" || refused.Below().Of("pricing.*").Len() != 0 {
		t.Errorf("refused:\n%s%s", refused, refused.Below())
	}
	if traded.Err != "" || !strings.Contains(traded.Arg("o"), `"Spot"`) {
		t.Errorf("priced: %s", traded)
	}
	if text := calls.String(); strings.Contains(text, "key-") {
		t.Errorf("a key is recorded:\n%s", text)
	}
}
