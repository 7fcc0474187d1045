# Leaves the frames of a folded stack that say something: ours, and the libraries that do work.
{ count = $NF; sub(/ [0-9]+$/, ""); gsub(/::\{\{closure\}\}/, ""); n = split($0, frame, ";"); kept = "placeOrder"; last = ""
  for (i = 2; i <= n; i++) if (frame[i] !~ /tokio|tower|core::|std::|alloc::|futures_|tracing::|axum|unknown|clone3|start_thread|extensions::|PollFn|MergedObject|OutputType|container::/ && frame[i] != last) { last = frame[i]; kept = kept ";" last }
  print kept, count }
