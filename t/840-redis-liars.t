# A Redis that answers nonsense or an error: a reason, the fallback, never a wrong page.

use v5.32;
use warnings;
use experimental 'signatures';

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use RustPageCache;
use Time::HiRes qw(time);

# name => [reply to GET, reason]
my %lie = (
    'a simple string'     => ["+OK\r\n",                                  'protocol'],
    'an integer'          => [":1\r\n",                                   'protocol'],
    'an array'            => ["*1\r\n\$7\r\npoison\n\r\n",                'protocol'],
    'no type'             => ["poison\r\n",                               'protocol'],
    'only LF'             => ["\$7\npoison\n\n",                          'protocol|timeout'],
    'a length of text'    => ["\$seven\r\npoison\n\r\n",                  'protocol'],
    'no length'           => ["\$\r\npoison\n\r\n",                       'protocol'],
    'a length below -1'   => ["\$-2\r\n",                                 'protocol'],
    'a length over 64 bits' => ["\$18446744073709551623\r\npoison\n\r\n", 'protocol|too-large'],
    'too short a length'  => ["\$5\r\npoison\n\r\n",                      'protocol'],
    'too long a length'   => ["\$9\r\npoison\n\r\n\$9\r\n",               'protocol'],
    'a line without end'  => ['$' . '1' x 100_000,                        'protocol|timeout'],
    'HTTP'                => ["HTTP/1.1 400 Bad Request\r\n\r\n",         'protocol'],
    'a memcached'         => ["ERROR\r\n",                                'protocol'],
    'an error'            => ["-ERR unknown command 'GET'\r\n",           'protocol'],
    'loading'             => ["-LOADING Redis is loading the dataset in memory\r\n", 'protocol'],
    'busy'                => ["-BUSY Redis is busy running a script.\r\n", 'protocol'],
    'moved'               => ["-MOVED 3999 127.0.0.1:6381\r\n",           'protocol'],
    'not let in'          => ["-NOAUTH Authentication required.\r\n",     'auth'],
    'not allowed'         => ["-NOPERM this user has no permissions to run the 'get' command\r\n", 'auth'],
    'another kind of key' =>
        ["-WRONGTYPE Operation against a key holding the wrong kind of value\r\n", 'undecodable|protocol'],
    'random bytes'        => ["\x7f" . join('', map { chr int rand 256 } 1 .. 3_000), 'protocol|timeout'],
);

for my $name (sort keys %lie) {
    my ($reply, $reason) = @{$lie{$name}};
    my $store = fake_redis(sub ($c, $key) { $c->send($reply) });
    my $nginx = nginx(
        errors => [$store->address, 'rust_page_cache'],
        server => <<"CONF",
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
        rust_page_cache_timeout 600ms;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    );
    my $begin = time;
    my $first = $nginx->get('/page');
    like $first->cache, qr/^ERROR (?:$reason)$/, "$name: $reason";
    is $first->body, "fallback\n", "$name: the fallback answers";
    cmp_ok time - $begin, '<', 5, "$name: in time";
    my @after = map { $nginx->get('/page') } 1 .. 4;
    is scalar(grep { $_->body eq "fallback\n" && $_->cache =~ /^ERROR (?:$reason|down)$/ } @after), 4,
        "$name: and so on";
    cmp_ok scalar(() = $nginx->log_lines('\[(?:error|crit|alert)\]')), '<=', 2, "$name: no line per request";
    $nginx->finish($name);
    $store->stop;
}

# What is no lie: the two ways to say that there is nothing.
for my $nothing ("\$-1\r\n", "\$0\r\n\r\n") {
    my $store = fake_redis(sub ($c, $key) { $c->send($nothing) });
    my $nginx = nginx(server => <<"CONF");
    location / {
        rust_page_cache @{[$store->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
    is $nginx->get('/page')->cache, 'MISS absent', $nothing =~ s/\r\n.*//sr . ': absent' for 1 .. 5;
    $nginx->finish;
}

# A key of another kind says nothing about the server that holds it.
redis->ask('RPUSH', '/list', 'a', 'b');
redis->set('/page', "stored\n");
my $nginx = nginx(
    errors => ['rust_page_cache'],
    server => <<"CONF",
    location / {
        rust_page_cache @{[redis->uri]} key=raw;
    }
    location \@django {
        return 200 "fallback\\n";
    }
CONF
);
for my $turn (1 .. 5) {
    is $nginx->get('/list')->body, "fallback\n", "a list, $turn: the fallback answers";
    is $nginx->get('/page')->cache, 'HIT', "a list, $turn: and the store goes on";
}
$nginx->finish;

done_testing;
