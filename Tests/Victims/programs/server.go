// A Go program as they are: goroutines that talk over channels, timers, garbage, and an HTTP server on a loopback
// port and a Unix socket that it asks itself all the time. It checks every answer, and passes when all of them
// still get on after the driver's word.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"
)

const workers = 40

var counts [workers + 3]int64

func fail(format string, arguments ...interface{}) {
	fmt.Printf("failed: "+format+"\n", arguments...)
	os.Exit(1)
}

// A ring: each worker gets a number, makes some garbage, and passes on the number plus one.
func ring() {
	first := make(chan int64)
	in := first
	for i := 0; i < workers; i++ {
		out := make(chan int64)
		if i == workers-1 {
			out = first
		}
		go func(i int, in, out chan int64) {
			for number := range in {
				text := make([]byte, 4096)
				text[number%4096] = byte(i)
				if i == 0 && number%workers != 0 {
					fail("the ring lost count: %d", number)
				}
				atomic.AddInt64(&counts[i], 1)
				go func() { out <- number + 1 }()
				if i == 0 {
					time.Sleep(100 * time.Microsecond)
				}
			}
		}(i, in, out)
		in = out
	}
	go func() { first <- 0 }()
}

func ticks() {
	last := time.Now()
	for now := range time.NewTicker(2 * time.Millisecond).C {
		if now.Before(last) {
			fail("time went back")
		}
		last = now
		atomic.AddInt64(&counts[workers], 1)
	}
}

func ask(client *http.Client, url string, count *int64) {
	for {
		number := atomic.LoadInt64(count)
		answer, err := client.Get(url + strconv.FormatInt(number, 10))
		if err != nil {
			fail("%s: %v", url, err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || string(body) != strconv.FormatInt(number+1, 10) {
			fail("%s answered %q, %v", url, body, err)
		}
		atomic.AddInt64(count, 1)
		time.Sleep(time.Millisecond)
	}
}

func serve() {
	http.HandleFunc("/", func(writer http.ResponseWriter, request *http.Request) {
		number, _ := strconv.ParseInt(request.URL.Path[1:], 10, 64)
		io.WriteString(writer, strconv.FormatInt(number+1, 10))
	})
	path := filepath.Join(filepath.Dir(os.Getenv("VICTIM_GO")), "socket")
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail("%v", err)
	}
	unix, err := net.Listen("unix", path)
	if err != nil {
		fail("%v", err)
	}
	go http.Serve(tcp, nil)
	go http.Serve(unix, nil)
	dial := func(string, string) (net.Conn, error) { return net.Dial("unix", path) }
	go ask(http.DefaultClient, "http://"+tcp.Addr().String()+"/", &counts[workers+1])
	go ask(&http.Client{Transport: &http.Transport{Dial: dial}}, "http://unix/", &counts[workers+2])
}

// Waits until every counter has moved on.
func progress(by int64) {
	for i := range counts {
		start := atomic.LoadInt64(&counts[i])
		for atomic.LoadInt64(&counts[i]) < start+by {
			time.Sleep(time.Millisecond)
		}
	}
}

func main() {
	ring()
	go ticks()
	serve()
	progress(3)
	fmt.Println("ready")
	for {
		if _, err := os.Stat(os.Getenv("VICTIM_GO")); err == nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	progress(20)
	fmt.Println("pass")
}
