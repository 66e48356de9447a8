# Functions of base R that would do harm here, or nothing: put in base's own place, so that packages have them as well.

due <- Inf  # when the cell's time is up, by proc.time()

mask <- function(name, value) {
  environment(value) <- baseenv()
  unlockBinding(name, baseenv())
  assign(name, value, envir = baseenv())
  lockBinding(name, baseenv())
}

# Puts a sentence before a function's own.
before <- function(name, condition, what = paste0(name, "()")) {
  value <- get(name, baseenv())
  sentence <- sprintf("%s is not available here, because nobody can type into a running cell: put the value into the code, or read it from a file", what)
  body(value) <- bquote({
    if (.(condition)) stop(.(sentence))
    .(body(value))
  })
  mask(name, value)
}

HAS_SETSID <- any(file.exists(file.path(strsplit(Sys.getenv("PATH"), ":", fixed = TRUE)[[1L]], "setsid")))

# What system() and system2() end with. R is deaf to interrupts while a command runs, and dies of one that comes just before a
# command with a time limit: so the command is started in the background, in a session of its own, and waited for.
run_command <- function(command, intern, timeout, wait) {
  if (!wait || timeout > 0 || !HAS_SETSID || grepl("&[[:space:]]*$", command)) {
    value <- .Internal(system(command, intern, timeout))
    return(if (intern) value else invisible(value))
  }
  place <- tempfile("command", tempdir(TRUE))
  on.exit(end_command(place))
  script <- paste0("echo $$ >\"$0.pid\"; sh -c \"$1\"", if (intern) " >\"$0.out\"", "; echo $? >\"$0.tmp\" && mv \"$0.tmp\" \"$0.code\"")
  .Internal(system(paste("setsid sh -c", shQuote(script), shQuote(place), shQuote(command), "</dev/null &"), FALSE, 0))
  pause <- 0.002
  while (!file.exists(paste0(place, ".code")) && (pause < 0.05 || !is.na(command_at(place)))) {
    Sys.sleep(pause)
    pause <- min(1.5 * pause, 0.05)
  }
  status <- number_in(paste0(place, ".code"))
  if (is.na(status)) status <- 137L  # it was killed before it could say
  if (!intern) {
    if (status == 127L) warning("error in running command", call. = FALSE)
    return(invisible(status))
  }
  if (status == 127L) stop("error in running command", call. = FALSE)
  value <- readLines(paste0(place, ".out"), warn = FALSE)
  if (status == 0L) return(value)
  warning(paste0("running command '", command, "' had status ", status), call. = FALSE)
  structure(value, status = status)
}

number_in <- function(path) {
  text <- suppressWarnings(tryCatch(base::readLines(path, 1L), error = function(e) ""))
  if (length(text) == 1L) suppressWarnings(as.integer(text)) else NA_integer_
}

# The number of its process and session; NA when it is gone, and the disk was too full to say how it ended.
command_at <- function(place) {
  number <- number_in(paste0(place, ".pid"))
  if (!is.na(number) && tools::pskill(number, 0L)) number else NA_integer_
}

end_command <- function(place) {
  number <- command_at(place)
  if (!is.na(number)) .Internal(system(sprintf("{ kill -- -%1$d; sleep 0.2; kill -KILL -- -%1$d; } >/dev/null 2>&1 &", number), FALSE, 0))
  unlink(paste0(place, c(".pid", ".out", ".tmp", ".code")))
}

install_masks <- function() {
  leaves <- eval(bquote(function(save = "default", status = 0, runLast = TRUE) {
    if (Sys.getpid() == .(pid) && !is.null(computeRestarts()) && any(vapply(computeRestarts(), function(one) identical(one$name, "brig_exit"), TRUE)))
      invokeRestart("brig_exit", bitwAnd(as.integer(status), 255L))
    .Internal(quit("no", as.integer(status), FALSE))
  }))
  mask("quit", leaves)
  mask("q", leaves)
  before("readline", TRUE)
  before("readLines", quote(inherits(con, "terminal")))
  before("scan", quote(is.character(file) && identical(file, "") && missing(text)))
  before("file", quote(identical(description, "stdin")), "the standard input")
  for (name in c("system", "system2")) {
    value <- get(name, baseenv())
    parts <- as.list(body(value))
    parts[[length(parts)]] <- bquote(.(run_command)(command, intern, timeout, wait))
    body(value) <- as.call(parts)
    mask(name, value)
  }
  # It looks at the time limit when it wakes up.
  left <- function() due - proc.time()[["elapsed"]]
  mask("Sys.sleep", eval(bquote(function(time) {
    rest <- .(left)()
    if (!is.numeric(time) || length(time) != 1L || is.na(time) || time < rest) return(invisible(.Internal(Sys.sleep(time))))
    .Internal(Sys.sleep(max(0, rest)))
    repeat .Internal(Sys.sleep(0.01))
  })))
  mask("closeAllConnections", eval(bquote(function() {
    if (sink.number(type = "message") > 0L) sink(stderr(), type = "message")
    while (sink.number() > 0L) sink()
    gc()
    for (number in setdiff(getAllConnections(), c(0:2, .(own)))) close(getConnection(number))
    invisible()
  })))
}
