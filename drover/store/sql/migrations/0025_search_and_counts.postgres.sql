-- What resources are called, folded so that it is found whatever its case; kept by triggers, so that
-- no way of writing a resource forgets it. Names are kept to their last 400 characters.
CREATE TABLE search_entry (
    application_id TEXT NOT NULL,
    kind           TEXT NOT NULL,
    id             TEXT PRIMARY KEY,
    folded         TEXT NOT NULL
);
CREATE INDEX search_entry_name ON search_entry (application_id, folded, id) INCLUDE (kind);

-- The one case fold; ASCII alone needs no table.
CREATE FUNCTION search_fold(name TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(name) = length(name)
        THEN right(lower(name COLLATE "C"), 400)
        ELSE translate(right(name, 400),
            'ABCDEFGHIJKLMNOPQRSTUVWXYZÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫςĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮĲĴĶĹĻĽĿŁŃŅŇŊŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽſµƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƠƢƤƦƧƩƬƮƯƱƲƳƵƷƸƼǄǅǇǈǊǋǍǏǑǓǕǗǙǛǞǠǢǤǦǨǪǬǮǱǲǴǶǷǸǺǼǾȀȂȄȆȈȊȌȎȐȒȔȖȘȚȜȞȠȢȤȦȨȪȬȮȰȲȺȻȽȾɁɃɄɅɆɈɊɌɎͅͰͲͶͿΆΈΉΊΌΎΏϏϐϑϕϖϘϚϜϞϠϢϤϦϨϪϬϮϰϱϴϵϷϹϺϽϾϿЀЁЂЃЄЅІЇЈЉЊЋЌЍЎЏѠѢѤѦѨѪѬѮѰѲѴѶѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀӁӃӅӇӉӋӍӐӒӔӖӘӚӜӞӠӢӤӦӨӪӬӮӰӲӴӶӸӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖႠႡႢႣႤႥႦႧႨႩႪႫႬႭႮႯႰႱႲႳႴႵႶႷႸႹႺႻႼႽႾႿჀჁჂჃჄჅჇჍᏸᏹᏺᏻᏼᏽᲀᲁᲂᲃᲄᲅᲆᲇᲈᲐᲑᲒᲓᲔᲕᲖᲗᲘᲙᲚᲛᲜᲝᲞᲟᲠᲡᲢᲣᲤᲥᲦᲧᲨᲩᲪᲫᲬᲭᲮᲯᲰᲱᲲᲳᲴᲵᲶᲷᲸᲹᲺᲽᲾᲿḀḂḄḆḈḊḌḎḐḒḔḖḘḚḜḞḠḢḤḦḨḪḬḮḰḲḴḶḸḺḼḾṀṂṄṆṈṊṌṎṐṒṔṖṘṚṜṞṠṢṤṦṨṪṬṮṰṲṴṶṸṺṼṾẀẂẄẆẈẊẌẎẐẒẔẛẞẠẢẤẦẨẪẬẮẰẲẴẶẸẺẼẾỀỂỄỆỈỊỌỎỐỒỔỖỘỚỜỞỠỢỤỦỨỪỬỮỰỲỴỶỸỺỼỾἈἉἊἋἌἍἎἏἘἙἚἛἜἝἨἩἪἫἬἭἮἯἸἹἺἻἼἽἾἿὈὉὊὋὌὍὙὛὝὟὨὩὪὫὬὭὮὯᾈᾉᾊᾋᾌᾍᾎᾏᾘᾙᾚᾛᾜᾝᾞᾟᾨᾩᾪᾫᾬᾭᾮᾯᾸᾹᾺΆᾼιῈΈῊΉῌῘῙῚΊῨῩῪΎῬῸΌῺΏῼΩKÅℲⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩⅪⅫⅬⅭⅮⅯↃⒶⒷⒸⒹⒺⒻⒼⒽⒾⒿⓀⓁⓂⓃⓄⓅⓆⓇⓈⓉⓊⓋⓌⓍⓎⓏⰀⰁⰂⰃⰄⰅⰆⰇⰈⰉⰊⰋⰌⰍⰎⰏⰐⰑⰒⰓⰔⰕⰖⰗⰘⰙⰚⰛⰜⰝⰞⰟⰠⰡⰢⰣⰤⰥⰦⰧⰨⰩⰪⰫⰬⰭⰮⰯⱠⱢⱣⱤⱧⱩⱫⱭⱮⱯⱰⱲⱵⱾⱿⲀⲂⲄⲆⲈⲊⲌⲎⲐⲒⲔⲖⲘⲚⲜⲞⲠⲢⲤⲦⲨⲪⲬⲮⲰⲲⲴⲶⲸⲺⲼⲾⳀⳂⳄⳆⳈⳊⳌⳎⳐⳒⳔⳖⳘⳚⳜⳞⳠⳢⳫⳭⳲꙀꙂꙄꙆꙈꙊꙌꙎꙐꙒꙔꙖꙘꙚꙜꙞꙠꙢꙤꙦꙨꙪꙬꚀꚂꚄꚆꚈꚊꚌꚎꚐꚒꚔꚖꚘꚚꜢꜤꜦꜨꜪꜬꜮꜲꜴꜶꜸꜺꜼꜾꝀꝂꝄꝆꝈꝊꝌꝎꝐꝒꝔꝖꝘꝚꝜꝞꝠꝢꝤꝦꝨꝪꝬꝮꝹꝻꝽꝾꞀꞂꞄꞆꞋꞍꞐꞒꞖꞘꞚꞜꞞꞠꞢꞤꞦꞨꞪꞫꞬꞭꞮꞰꞱꞲꞳꞴꞶꞸꞺꞼꞾꟀꟂꟄꟅꟆꟇꟉꟐꟖꟘꟵꭰꭱꭲꭳꭴꭵꭶꭷꭸꭹꭺꭻꭼꭽꭾꭿꮀꮁꮂꮃꮄꮅꮆꮇꮈꮉꮊꮋꮌꮍꮎꮏꮐꮑꮒꮓꮔꮕꮖꮗꮘꮙꮚꮛꮜꮝꮞꮟꮠꮡꮢꮣꮤꮥꮦꮧꮨꮩꮪꮫꮬꮭꮮꮯꮰꮱꮲꮳꮴꮵꮶꮷꮸꮹꮺꮻꮼꮽꮾꮿＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ𐐀𐐁𐐂𐐃𐐄𐐅𐐆𐐇𐐈𐐉𐐊𐐋𐐌𐐍𐐎𐐏𐐐𐐑𐐒𐐓𐐔𐐕𐐖𐐗𐐘𐐙𐐚𐐛𐐜𐐝𐐞𐐟𐐠𐐡𐐢𐐣𐐤𐐥𐐦𐐧𐒰𐒱𐒲𐒳𐒴𐒵𐒶𐒷𐒸𐒹𐒺𐒻𐒼𐒽𐒾𐒿𐓀𐓁𐓂𐓃𐓄𐓅𐓆𐓇𐓈𐓉𐓊𐓋𐓌𐓍𐓎𐓏𐓐𐓑𐓒𐓓𐕰𐕱𐕲𐕳𐕴𐕵𐕶𐕷𐕸𐕹𐕺𐕼𐕽𐕾𐕿𐖀𐖁𐖂𐖃𐖄𐖅𐖆𐖇𐖈𐖉𐖊𐖌𐖍𐖎𐖏𐖐𐖑𐖒𐖔𐖕𐲀𐲁𐲂𐲃𐲄𐲅𐲆𐲇𐲈𐲉𐲊𐲋𐲌𐲍𐲎𐲏𐲐𐲑𐲒𐲓𐲔𐲕𐲖𐲗𐲘𐲙𐲚𐲛𐲜𐲝𐲞𐲟𐲠𐲡𐲢𐲣𐲤𐲥𐲦𐲧𐲨𐲩𐲪𐲫𐲬𐲭𐲮𐲯𐲰𐲱𐲲𑢠𑢡𑢢𑢣𑢤𑢥𑢦𑢧𑢨𑢩𑢪𑢫𑢬𑢭𑢮𑢯𑢰𑢱𑢲𑢳𑢴𑢵𑢶𑢷𑢸𑢹𑢺𑢻𑢼𑢽𑢾𑢿𖹀𖹁𖹂𖹃𖹄𖹅𖹆𖹇𖹈𖹉𖹊𖹋𖹌𖹍𖹎𖹏𖹐𖹑𖹒𖹓𖹔𖹕𖹖𖹗𖹘𖹙𖹚𖹛𖹜𖹝𖹞𖹟𞤀𞤁𞤂𞤃𞤄𞤅𞤆𞤇𞤈𞤉𞤊𞤋𞤌𞤍𞤎𞤏𞤐𞤑𞤒𞤓𞤔𞤕𞤖𞤗𞤘𞤙𞤚𞤛𞤜𞤝𞤞𞤟𞤠𞤡',
            'abcdefghijklmnopqrstuvwxyzàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþабвгдежзийклмнопрстуфхцчшщъыьэюяαβγδεζηθικλμνξοπρστυφχψωϊϋσāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįĳĵķĺļľŀłńņňŋōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷÿźżžsμɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵơƣƥʀƨʃƭʈưʊʋƴƶʒƹƽǆǆǉǉǌǌǎǐǒǔǖǘǚǜǟǡǣǥǧǩǫǭǯǳǳǵƕƿǹǻǽǿȁȃȅȇȉȋȍȏȑȓȕȗșțȝȟƞȣȥȧȩȫȭȯȱȳⱥȼƚⱦɂƀʉʌɇɉɋɍɏιͱͳͷϳάέήίόύώϗβθφπϙϛϝϟϡϣϥϧϩϫϭϯκρθεϸϲϻͻͼͽѐёђѓєѕіїјљњћќѝўџѡѣѥѧѩѫѭѯѱѳѵѷѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӏӂӄӆӈӊӌӎӑӓӕӗәӛӝӟӡӣӥӧөӫӭӯӱӳӵӷӹӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆⴀⴁⴂⴃⴄⴅⴆⴇⴈⴉⴊⴋⴌⴍⴎⴏⴐⴑⴒⴓⴔⴕⴖⴗⴘⴙⴚⴛⴜⴝⴞⴟⴠⴡⴢⴣⴤⴥⴧⴭᏰᏱᏲᏳᏴᏵвдосттъѣꙋაბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰჱჲჳჴჵჶჷჸჹჺჽჾჿḁḃḅḇḉḋḍḏḑḓḕḗḙḛḝḟḡḣḥḧḩḫḭḯḱḳḵḷḹḻḽḿṁṃṅṇṉṋṍṏṑṓṕṗṙṛṝṟṡṣṥṧṩṫṭṯṱṳṵṷṹṻṽṿẁẃẅẇẉẋẍẏẑẓẕṡßạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹỻỽỿἀἁἂἃἄἅἆἇἐἑἒἓἔἕἠἡἢἣἤἥἦἧἰἱἲἳἴἵἶἷὀὁὂὃὄὅὑὓὕὗὠὡὢὣὤὥὦὧᾀᾁᾂᾃᾄᾅᾆᾇᾐᾑᾒᾓᾔᾕᾖᾗᾠᾡᾢᾣᾤᾥᾦᾧᾰᾱὰάᾳιὲέὴήῃῐῑὶίῠῡὺύῥὸόὼώῳωkåⅎⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅺⅻⅼⅽⅾⅿↄⓐⓑⓒⓓⓔⓕⓖⓗⓘⓙⓚⓛⓜⓝⓞⓟⓠⓡⓢⓣⓤⓥⓦⓧⓨⓩⰰⰱⰲⰳⰴⰵⰶⰷⰸⰹⰺⰻⰼⰽⰾⰿⱀⱁⱂⱃⱄⱅⱆⱇⱈⱉⱊⱋⱌⱍⱎⱏⱐⱑⱒⱓⱔⱕⱖⱗⱘⱙⱚⱛⱜⱝⱞⱟⱡɫᵽɽⱨⱪⱬɑɱɐɒⱳⱶȿɀⲁⲃⲅⲇⲉⲋⲍⲏⲑⲓⲕⲗⲙⲛⲝⲟⲡⲣⲥⲧⲩⲫⲭⲯⲱⲳⲵⲷⲹⲻⲽⲿⳁⳃⳅⳇⳉⳋⳍⳏⳑⳓⳕⳗⳙⳛⳝⳟⳡⳣⳬⳮⳳꙁꙃꙅꙇꙉꙋꙍꙏꙑꙓꙕꙗꙙꙛꙝꙟꙡꙣꙥꙧꙩꙫꙭꚁꚃꚅꚇꚉꚋꚍꚏꚑꚓꚕꚗꚙꚛꜣꜥꜧꜩꜫꜭꜯꜳꜵꜷꜹꜻꜽꜿꝁꝃꝅꝇꝉꝋꝍꝏꝑꝓꝕꝗꝙꝛꝝꝟꝡꝣꝥꝧꝩꝫꝭꝯꝺꝼᵹꝿꞁꞃꞅꞇꞌɥꞑꞓꞗꞙꞛꞝꞟꞡꞣꞥꞧꞩɦɜɡɬɪʞʇʝꭓꞵꞷꞹꞻꞽꞿꟁꟃꞔʂᶎꟈꟊꟑꟗꟙꟶᎠᎡᎢᎣᎤᎥᎦᎧᎨᎩᎪᎫᎬᎭᎮᎯᎰᎱᎲᎳᎴᎵᎶᎷᎸᎹᎺᎻᎼᎽᎾᎿᏀᏁᏂᏃᏄᏅᏆᏇᏈᏉᏊᏋᏌᏍᏎᏏᏐᏑᏒᏓᏔᏕᏖᏗᏘᏙᏚᏛᏜᏝᏞᏟᏠᏡᏢᏣᏤᏥᏦᏧᏨᏩᏪᏫᏬᏭᏮᏯａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ𐐨𐐩𐐪𐐫𐐬𐐭𐐮𐐯𐐰𐐱𐐲𐐳𐐴𐐵𐐶𐐷𐐸𐐹𐐺𐐻𐐼𐐽𐐾𐐿𐑀𐑁𐑂𐑃𐑄𐑅𐑆𐑇𐑈𐑉𐑊𐑋𐑌𐑍𐑎𐑏𐓘𐓙𐓚𐓛𐓜𐓝𐓞𐓟𐓠𐓡𐓢𐓣𐓤𐓥𐓦𐓧𐓨𐓩𐓪𐓫𐓬𐓭𐓮𐓯𐓰𐓱𐓲𐓳𐓴𐓵𐓶𐓷𐓸𐓹𐓺𐓻𐖗𐖘𐖙𐖚𐖛𐖜𐖝𐖞𐖟𐖠𐖡𐖣𐖤𐖥𐖦𐖧𐖨𐖩𐖪𐖫𐖬𐖭𐖮𐖯𐖰𐖱𐖳𐖴𐖵𐖶𐖷𐖸𐖹𐖻𐖼𐳀𐳁𐳂𐳃𐳄𐳅𐳆𐳇𐳈𐳉𐳊𐳋𐳌𐳍𐳎𐳏𐳐𐳑𐳒𐳓𐳔𐳕𐳖𐳗𐳘𐳙𐳚𐳛𐳜𐳝𐳞𐳟𐳠𐳡𐳢𐳣𐳤𐳥𐳦𐳧𐳨𐳩𐳪𐳫𐳬𐳭𐳮𐳯𐳰𐳱𐳲𑣀𑣁𑣂𑣃𑣄𑣅𑣆𑣇𑣈𑣉𑣊𑣋𑣌𑣍𑣎𑣏𑣐𑣑𑣒𑣓𑣔𑣕𑣖𑣗𑣘𑣙𑣚𑣛𑣜𑣝𑣞𑣟𖹠𖹡𖹢𖹣𖹤𖹥𖹦𖹧𖹨𖹩𖹪𖹫𖹬𖹭𖹮𖹯𖹰𖹱𖹲𖹳𖹴𖹵𖹶𖹷𖹸𖹹𖹺𖹻𖹼𖹽𖹾𖹿𞤢𞤣𞤤𞤥𞤦𞤧𞤨𞤩𞤪𞤫𞤬𞤭𞤮𞤯𞤰𞤱𞤲𞤳𞤴𞤵𞤶𞤷𞤸𞤹𞤺𞤻𞤼𞤽𞤾𞤿𞥀𞥁𞥂𞥃') END
$$;

-- Every part of three characters of a name: an index that needs no extension.
CREATE FUNCTION search_grams(folded TEXT) RETURNS TEXT[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY(SELECT DISTINCT substr(folded, at, 3) FROM generate_series(1, length(folded) - 2) AS at)
$$;
CREATE INDEX search_entry_part ON search_entry USING gin (search_grams(folded));

CREATE FUNCTION search_document_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT fresh.application_id, fresh.kind, fresh.id, search_fold(fresh.name) FROM fresh WHERE fresh.kind NOT IN ('applicationKey', 'applicationCertificate', 'applicationCertificateAuthority', 'privateFile');
    RETURN NULL;
END $$;
CREATE TRIGGER search_document_added AFTER INSERT ON document REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION search_document_added();
CREATE FUNCTION search_document_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM search_entry WHERE id = OLD.id;
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, NEW.kind, NEW.id, search_fold(NEW.name) WHERE NEW.kind NOT IN ('applicationKey', 'applicationCertificate', 'applicationCertificateAuthority', 'privateFile');
    RETURN NULL;
END $$;
CREATE TRIGGER search_document_changed AFTER UPDATE OF name ON document FOR EACH ROW
    WHEN (OLD.name IS DISTINCT FROM NEW.name)
    EXECUTE FUNCTION search_document_changed();
CREATE FUNCTION search_document_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM search_entry USING gone WHERE search_entry.id = gone.id;
    RETURN NULL;
END $$;
CREATE TRIGGER search_document_gone AFTER DELETE ON document REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION search_document_gone();
INSERT INTO search_entry (application_id, kind, id, folded)
SELECT application_id, document.kind, id, search_fold(document.name) FROM document WHERE document.kind NOT IN ('applicationKey', 'applicationCertificate', 'applicationCertificateAuthority', 'privateFile');

CREATE FUNCTION search_device_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT fresh.application_id, 'device', fresh.id, search_fold(fresh.name) FROM fresh WHERE fresh.deleted_ms IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER search_device_added AFTER INSERT ON device REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION search_device_added();
CREATE FUNCTION search_device_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM search_entry WHERE id = OLD.id;
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'device', NEW.id, search_fold(NEW.name) WHERE NEW.deleted_ms IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER search_device_changed AFTER UPDATE OF name, deleted_ms ON device FOR EACH ROW
    WHEN (OLD.name IS DISTINCT FROM NEW.name OR OLD.deleted_ms IS DISTINCT FROM NEW.deleted_ms)
    EXECUTE FUNCTION search_device_changed();
CREATE FUNCTION search_device_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM search_entry USING gone WHERE search_entry.id = gone.id;
    RETURN NULL;
END $$;
CREATE TRIGGER search_device_gone AFTER DELETE ON device REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION search_device_gone();
INSERT INTO search_entry (application_id, kind, id, folded)
SELECT application_id, 'device', id, search_fold(device.name) FROM device WHERE device.deleted_ms IS NULL;

CREATE FUNCTION search_event_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT fresh.application_id, 'event', fresh.id, search_fold(fresh.subject) FROM fresh;
    RETURN NULL;
END $$;
CREATE TRIGGER search_event_added AFTER INSERT ON event REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION search_event_added();
CREATE FUNCTION search_event_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM search_entry WHERE id = OLD.id;
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'event', NEW.id, search_fold(NEW.subject);
    RETURN NULL;
END $$;
CREATE TRIGGER search_event_changed AFTER UPDATE OF subject ON event FOR EACH ROW
    WHEN (OLD.subject IS DISTINCT FROM NEW.subject)
    EXECUTE FUNCTION search_event_changed();
CREATE FUNCTION search_event_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM search_entry USING gone WHERE search_entry.id = gone.id;
    RETURN NULL;
END $$;
CREATE TRIGGER search_event_gone AFTER DELETE ON event REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION search_event_gone();
INSERT INTO search_entry (application_id, kind, id, folded)
SELECT application_id, 'event', id, search_fold(event.subject) FROM event;

CREATE FUNCTION search_experience_user_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT fresh.application_id, 'experienceUser', fresh.id, search_fold(fresh.email || ' ' || coalesce(fresh.first_name, '') || ' ' || coalesce(fresh.last_name, '')) FROM fresh;
    RETURN NULL;
END $$;
CREATE TRIGGER search_experience_user_added AFTER INSERT ON experience_user REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION search_experience_user_added();
CREATE FUNCTION search_experience_user_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM search_entry WHERE id = OLD.id;
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'experienceUser', NEW.id, search_fold(NEW.email || ' ' || coalesce(NEW.first_name, '') || ' ' || coalesce(NEW.last_name, ''));
    RETURN NULL;
END $$;
CREATE TRIGGER search_experience_user_changed AFTER UPDATE OF email, first_name, last_name ON experience_user FOR EACH ROW
    WHEN (OLD.email IS DISTINCT FROM NEW.email OR OLD.first_name IS DISTINCT FROM NEW.first_name OR OLD.last_name IS DISTINCT FROM NEW.last_name)
    EXECUTE FUNCTION search_experience_user_changed();
CREATE FUNCTION search_experience_user_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM search_entry USING gone WHERE search_entry.id = gone.id;
    RETURN NULL;
END $$;
CREATE TRIGGER search_experience_user_gone AFTER DELETE ON experience_user REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION search_experience_user_gone();
INSERT INTO search_entry (application_id, kind, id, folded)
SELECT application_id, 'experienceUser', id, search_fold(experience_user.email || ' ' || coalesce(experience_user.first_name, '') || ' ' || coalesce(experience_user.last_name, '')) FROM experience_user;

CREATE FUNCTION search_experience_group_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT fresh.application_id, 'experienceGroup', fresh.id, search_fold(fresh.name) FROM fresh;
    RETURN NULL;
END $$;
CREATE TRIGGER search_experience_group_added AFTER INSERT ON experience_group REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION search_experience_group_added();
CREATE FUNCTION search_experience_group_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM search_entry WHERE id = OLD.id;
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'experienceGroup', NEW.id, search_fold(NEW.name);
    RETURN NULL;
END $$;
CREATE TRIGGER search_experience_group_changed AFTER UPDATE OF name ON experience_group FOR EACH ROW
    WHEN (OLD.name IS DISTINCT FROM NEW.name)
    EXECUTE FUNCTION search_experience_group_changed();
CREATE FUNCTION search_experience_group_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM search_entry USING gone WHERE search_entry.id = gone.id;
    RETURN NULL;
END $$;
CREATE TRIGGER search_experience_group_gone AFTER DELETE ON experience_group REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION search_experience_group_gone();
INSERT INTO search_entry (application_id, kind, id, folded)
SELECT application_id, 'experienceGroup', id, search_fold(experience_group.name) FROM experience_group;

CREATE FUNCTION search_flow_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT fresh.application_id, 'flow', fresh.id, search_fold(fresh.name) FROM fresh;
    RETURN NULL;
END $$;
CREATE TRIGGER search_flow_added AFTER INSERT ON flow REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION search_flow_added();
CREATE FUNCTION search_flow_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM search_entry WHERE id = OLD.id;
    INSERT INTO search_entry (application_id, kind, id, folded)
    SELECT NEW.application_id, 'flow', NEW.id, search_fold(NEW.name);
    RETURN NULL;
END $$;
CREATE TRIGGER search_flow_changed AFTER UPDATE OF name ON flow FOR EACH ROW
    WHEN (OLD.name IS DISTINCT FROM NEW.name)
    EXECUTE FUNCTION search_flow_changed();
CREATE FUNCTION search_flow_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    DELETE FROM search_entry USING gone WHERE search_entry.id = gone.id;
    RETURN NULL;
END $$;
CREATE TRIGGER search_flow_gone AFTER DELETE ON flow REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION search_flow_gone();
INSERT INTO search_entry (application_id, kind, id, folded)
SELECT application_id, 'flow', id, search_fold(flow.name) FROM flow;

-- How many payloads moved, by hour (its first millisecond), category and source.channel.
CREATE TABLE payload_count (
    application_id TEXT NOT NULL,
    hour_ms        BIGINT NOT NULL,
    category       TEXT NOT NULL,
    source         TEXT NOT NULL,
    payloads       BIGINT NOT NULL,
    bytes          BIGINT NOT NULL,
    PRIMARY KEY (application_id, hour_ms, category, source)
);
CREATE INDEX payload_count_hour ON payload_count (hour_ms);
