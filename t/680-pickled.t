# A pickle of exactly one bytes or str object is unwrapped; any other is not a page.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use RustPageCache::Django qw(pickled_bytes pickled_dict pickled_str);

my $page  = "stored \xc3\xa9\n";
my $large = 'stored ' x 20_000;

# name => pickle; all of them stand for a page
my %page = (
    (map { ("bytes-$_" => pickled_bytes($page, $_), "str-$_" => pickled_str($page, $_)) } 4, 5),
    'bytes-3'      => "\x80\x03C" . chr(length $page) . "${page}q\x00.",
    'unicode-2'    => "\x80\x02X" . pack('V', length $page) . "${page}q\x00.",
    'bytes-2'      => pickled_bytes_2($page),
    'python2-str'  => "\x80\x02U" . chr(length $page) . "${page}q\x00.",
    'python2-long' => "\x80\x02T" . pack('V', length $page) . "${page}q\x00.",
    'bytes8'       => "\x80\x04\x8e" . pack('Q<', length $page) . "$page\x94.",
    'str8'         => "\x80\x04\x8d" . pack('Q<', length $page) . "$page\x94.",
    'no-memo'      => "\x80\x05C" . chr(length $page) . "$page.",
);

# Not one object, not bytes or str, or not whole.
my %other = (
    dict      => pickled_dict(),
    int       => "\x80\x05K\x01.",
    none      => "\x80\x05N.",
    list      => "\x80\x05]\x94.",
    two       => "\x80\x05C\x01aC\x01b.",
    truncated => substr(pickled_bytes($page), 0, -4),
    trailing  => pickled_bytes($page) . 'x',
    no_stop   => substr(pickled_bytes($page), 0, -1),
    lying     => "\x80\x05C\xff$page.",
    huge      => "\x80\x05\x8e" . ("\xff" x 8) . "$page.",
    instance  => "\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94.",
    'not-utf8' => "\x80\x04\x8c\x01\xff\x94.",
);

my $nginx = nginx(
    errors => ['format=django', 'rust_page_cache'],
    server => <<"CONF",
    location /redis {
        rust_page_cache @{[redis->uri]} key=raw uri=\$arg_key;
    }
    location /memcached {
        rust_page_cache @{[memcached->uri]} key=raw uri=\$arg_key;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);

sub store ($key, $value, $flags) {
    redis->set($key, $value);
    memcached->set($key, $value, $flags);
    return;
}

for my $name (sort keys %page) {
    store($name, $page{$name}, 1);
    for my $where ('/redis', '/memcached') {
        my $response = $nginx->get("$where?key=$name");
        is $response->cache, 'HIT', "$where $name: a hit";
        is $response->body, $page, "$where $name: unwrapped";
        is $response->header('Content-Length'), length $page, "$where $name: length";
    }
}
for my $name (sort keys %other) {
    store($name, $other{$name}, 1);
    for my $where ('/redis', '/memcached') {
        my $response = $nginx->get("$where?key=$name");
        is $response->cache, 'MISS pickled', "$where $name: not a page";
        is $response->body, "fallback\n", "$where $name: the fallback answers";
    }
}
is scalar(() = $nginx->log_lines('format=django')), 1, 'one line in all, which tells what to write';

store('large', pickled_bytes($large), 1);
is $nginx->get("$_?key=large")->body, $large, "$_: a long one" for '/redis', '/memcached';

for my $empty (pickled_bytes(''), "\x80\x02c__builtin__\nbytes\nq\x00)Rq\x01.") {
    store('empty', $empty, 1);
    is $nginx->get("$_?key=empty")->cache, 'MISS absent', "$_: an empty one" for '/redis', '/memcached';
}

# The flags of memcached tell what a value is; without them its first bytes do.
memcached->set('flags-0', pickled_bytes($page), 0);
is $nginx->get('/memcached?key=flags-0')->body, pickled_bytes($page), 'flags 0: the bytes are the body';
redis->set('protocol-6', "\x80\x06 and so on");
is $nginx->get('/redis?key=protocol-6')->body, "\x80\x06 and so on", 'no pickle that is known';
redis->set('utf-8', "\xc2\x80\x05");
is $nginx->get('/redis?key=utf-8')->body, "\xc2\x80\x05", 'no pickle at all';

$nginx->finish;

# Python 3 has bytes as latin-1 text in protocol 2.
sub pickled_bytes_2 ($bytes) {
    utf8::upgrade(my $text = $bytes);
    utf8::encode($text);
    return "\x80\x02c_codecs\nencode\nq\x00X" . pack('V', length $text)
        . "${text}q\x01X\x06\x00\x00\x00latin1q\x02\x86q\x03Rq\x04.";
}

done_testing;
