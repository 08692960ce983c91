/// What `restart --help` prints.
let helpText: StaticString = """
  usage: restart [OPTIONS] IMAGE|- [-- ARGUMENT...]

  Brings the process saved in IMAGE back and stays in front of it as its parent: its exit
  status, its death by a signal, the terminal and the signals sent to `restart` pass through.

    --detach          return once the program runs; it goes on in the background
    --lazy            let it run at once, and read its memory while it runs
    --lazy-touched    read only what it touches: the image must stay
    -                 read the image from standard input, once and in its order
    --from-descriptor=N    likewise, from an open descriptor
    --staged=N        say on descriptor N when it could run, and wait for its sender
    --idle=SECONDS    give up when nothing more comes of it for so long (60)
    --lazy-mapped     be lazy in the way of those who aren't root: show it the image itself
    --map OLD=NEW     what was under OLD is under NEW on this machine; as often as needed
    --pidfile FILE    write the program's process ID to FILE once it runs
    --private-pids    give it a PID namespace of its own, also where that isn't needed
    --fresh-pids      take whichever process and thread IDs are free
    --verbose         say what is being done
    --trace           say what is done and decided, phase by phase, on standard error
    --version         print the version
    --help            print this

  Exit status, when the program could not be brought back: 1 it failed on the way, 64 usage,
  65 damaged image, 69 this machine or kernel lacks something, 77 permission. Else the program's.

  """

let versionText: StaticString = "restart 0.1.0\n"
