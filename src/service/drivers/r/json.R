# As much of JSON as the protocol has, on whole vectors: a cell may have megabytes, and R walks along characters slowly. And base64.

read_json <- function(text) {
  tokens <- tokens_of(text)
  at <- 0L
  take <- function(expected = NULL) {
    at <<- at + 1L
    if (at > length(tokens) || (!is.null(expected) && tokens[at] != expected)) stop("no JSON")
    tokens[at]
  }
  value <- function() {
    token <- take()
    first <- substr(token, 1L, 1L)
    if (first == "\"") return(unquoted(token))
    if (first == "{") return(members())
    if (token %in% c("true", "false")) return(token == "true")
    if (token == "null") return(NULL)
    if (!grepl("^-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$", token)) stop("no JSON")
    as.numeric(token)
  }
  members <- function() {
    map <- list()
    if (at < length(tokens) && tokens[at + 1L] == "}") {
      take()
      return(map)
    }
    repeat {
      name <- take()
      if (substr(name, 1L, 1L) != "\"") stop("no JSON")
      take(":")
      map <- c(map, structure(list(value()), names = unquoted(name)))
      if (take() == "}") return(map)
      if (tokens[at] != ",") stop("no JSON")
    }
  }
  result <- value()
  if (at != length(tokens)) stop("no JSON")
  result
}

# Strings as they stand, punctuation, and words. No pattern matches much at once: PCRE gives up after some millions of steps.
tokens_of <- function(text) {
  found <- gregexpr("\\\\.|\"", text, perl = TRUE, useBytes = TRUE)[[1L]]
  quotes <- found[attr(found, "match.length") == 1L & found > 0L]
  if (length(quotes) %% 2L > 0L) stop("no JSON")
  is_start <- seq_along(quotes) %% 2L == 1L
  starts <- quotes[is_start]
  ends <- quotes[!is_start]
  between <- c(1L, ends + 1L)
  rest <- substring_bytes(text, between, c(starts, nchar(text, "bytes") + 1L) - between)
  marks <- regmatches(rest, gregexpr("[{}\\[\\],:]|[^\\s{}\\[\\],:]+", rest, perl = TRUE))
  unlist(Map(c, marks, c(substring_bytes(text, starts, ends - starts + 1L), list(NULL))))
}

substring_bytes <- function(text, starts, lengths) {
  Encoding(text) <- "bytes"  # or each piece would be counted from the text's beginning
  pieces <- substring(text, starts, starts + lengths - 1L)
  Encoding(pieces) <- "UTF-8"
  pieces
}

swap <- function(text, from, to) {
  text <- gsub(from, to, text, fixed = TRUE, useBytes = TRUE)
  Encoding(text) <- "UTF-8"
  text
}

# The text of a JSON string. The characters 0 and 1 are left out: R has no 0, and 1 stands for a backslash meanwhile.
unquoted <- function(token) {
  text <- substr(token, 2L, nchar(token) - 1L)
  if (!grepl("\\", text, fixed = TRUE, useBytes = TRUE)) return(text)
  text <- swap(text, "\\\\", "\001")
  for (pair in list(c("\\\"", "\""), c("\\/", "/"), c("\\n", "\n"), c("\\t", "\t"), c("\\r", "\r"), c("\\b", "\b"), c("\\f", "\f"))) text <- swap(text, pair[1L], pair[2L])
  pattern <- "\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\\\u[0-9a-fA-F]{4}"
  found <- gregexpr(pattern, text, perl = TRUE, useBytes = TRUE)[[1L]]
  if (found[1L] > 0L) {
    escapes <- unique(substring_bytes(text, found, attr(found, "match.length")))
    for (escape in escapes[order(-nchar(escapes))]) text <- swap(text, escape, of_escape(escape))
  }
  swap(text, "\001", "\\")
}

of_escape <- function(escape) {
  units <- strtoi(strsplit(substring(escape, 3L), "\\u", fixed = TRUE)[[1L]], 16L)
  point <- if (length(units) == 2L) 65536L + (units[1L] - 55296L) * 1024L + units[2L] - 56320L else units
  if (point < 2L) return("")
  if (point == 92L) return("\001")
  if (point >= 55296L && point < 57344L) "\uFFFD" else intToUtf8(point)
}

CONTROLS <- vapply(setdiff(1:31, c(9L, 10L, 13L)), intToUtf8, "")

quoted <- function(texts) {
  texts <- as.character(texts)
  Encoding(texts)[Encoding(texts) == "bytes"] <- "UTF-8"
  texts <- enc2utf8(texts)
  is_wrong <- !validUTF8(texts)
  if (any(is_wrong)) texts[is_wrong] <- iconv(texts[is_wrong], "UTF-8", "UTF-8", sub = "byte")
  for (pair in list(c("\\", "\\\\"), c("\"", "\\\""), c("\n", "\\n"), c("\t", "\\t"), c("\r", "\\r"))) texts <- swap(texts, pair[1L], pair[2L])
  if (any(grepl("[\001-\037]", texts, useBytes = TRUE))) for (one in CONTROLS) texts <- swap(texts, one, sprintf("\\u%04x", utf8ToInt(one)))
  paste0("\"", texts, "\"")
}

write_json <- function(value) {
  if (is.list(value)) {
    parts <- vapply(value, write_json, "")
    return(paste0("{", paste0(quoted(names(value)), ":", parts, collapse = ","), "}"))
  }
  if (is.character(value)) return(quoted(value))
  if (is.logical(value)) return(if (value) "true" else "false")
  sprintf("%.0f", value)
}

BASE64 <- charToRaw("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")

base64 <- function(bytes) {
  missing <- (3L - length(bytes) %% 3L) %% 3L
  units <- matrix(as.integer(c(bytes, raw(missing))), 3L)
  whole <- units[1L, ] * 65536L + units[2L, ] * 256L + units[3L, ]
  text <- BASE64[rbind(whole %/% 262144L, whole %/% 4096L %% 64L, whole %/% 64L %% 64L, whole %% 64L) + 1L]
  if (missing > 0L) text[length(text) - seq_len(missing) + 1L] <- charToRaw("=")
  rawToChar(text)
}
